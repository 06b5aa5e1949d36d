// The predicted cells of a slide from the server to arrays that are ready to draw and to pick.

import type Flatbush from "flatbush";
import { bytes } from "./api";
import type { DrawList, PointIndex } from "./point-index";
import { indexOf, openTree, rowNear } from "./point-index";
import type { PointTable } from "./point-table";
import { cellNamer, readPointTable } from "./point-table";
import type { CellRef } from "./outbox";

export interface LoadedPoints {
  readonly table: PointTable;
  readonly draw: DrawList;
  cell(row: number): CellRef;
  /** The row nearest to a place within a radius, in level-0 pixels. */
  near(x_l0: number, y_l0: number, radius_l0: number): number | null;
  /** Rows in a rectangle, as many as `most`. */
  within(box: { left: number; top: number; right: number; bottom: number }, most: number): number[];
}

export async function loadPoints(
  slide_id: string,
  run: string | null,
  signal: AbortSignal,
): Promise<LoadedPoints> {
  const query = run ? `?run=${encodeURIComponent(run)}` : "";
  const raw = await bytes(`/api/slides/${encodeURIComponent(slide_id)}/points${query}`, signal);
  return prepared(await indexed(raw, signal));
}

type Indexed = PointIndex & { raw: ArrayBuffer };

function prepared({ raw, draw, tree: data }: Indexed): LoadedPoints {
  const table = readPointTable(raw);
  const tree: Flatbush | null = openTree(data);
  return {
    table,
    draw,
    cell: cellNamer(table),
    near: (x_l0, y_l0, radius_l0) =>
      tree && rowNear(tree, 10 * x_l0, 10 * y_l0, 10 * radius_l0),
    within: ({ left, top, right, bottom }, most) => {
      let n = 0;
      const found = tree?.search(10 * left, 10 * top, 10 * right, 10 * bottom, () => n++ < most);
      return found ?? [];
    },
  };
}

function indexed(raw: ArrayBuffer, signal: AbortSignal): Promise<Indexed> {
  return new Promise((done, fail) => {
    const worker = new Worker(new URL("./point-index-worker.ts", import.meta.url), {
      type: "module",
    });
    const stop = (): void => worker.terminate();
    signal.addEventListener("abort", stop, { once: true });
    worker.onmessage = (event: MessageEvent<Indexed>) => {
      stop();
      signal.removeEventListener("abort", stop);
      done(event.data);
    };
    worker.onerror = (event) => {
      stop();
      if (raw.byteLength) done({ raw, ...indexOf(readPointTable(raw)) });
      else fail(new Error(event.message || "the table of cells cannot be read"));
    };
    worker.postMessage(raw);
  });
}
