// The explained cells in view, loaded while a layer wants them; shared by the layers that draw them.

import { asked } from "./api";
import type { components } from "./openapi";
import type { SlideView } from "./slide-view";
import { runOf } from "./why-answer";

export type ExplainedCell = components["schemas"]["ExplainedCellOut"];

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface ExplainedCells {
  readonly cells: readonly ExplainedCell[];
  /** The run that explained them; null before the first answer. */
  readonly run: string | null;
  /** Logits per pixel at full colour. */
  readonly scale: number | null;
  /** Load what is in view while somebody wants it. */
  want(isWanted: boolean): void;
}

const WAIT_MS = 200;
const MARGIN = 0.5; // of the view, on each side, so that a small pan needs nothing new
const known = new WeakMap<SlideView, { found: ExplainedCells; users: number; close(): void }>();

/** The explained cells of one open slide; every part that uses them calls the second function. */
export function explainedCells(view: SlideView): [ExplainedCells, () => void] {
  let entry = known.get(view);
  if (!entry) {
    entry = { ...open(view), users: 0 };
    known.set(view, entry);
  }
  const shared = entry;
  shared.users += 1;
  return [
    shared.found,
    () => {
      shared.users -= 1;
      if (shared.users > 0) return;
      shared.close();
      known.delete(view);
    },
  ];
}

function open(view: SlideView): { found: ExplainedCells; close(): void } {
  let cells: ExplainedCell[] = [];
  let run: string | null = null;
  let scale: number | null = null;
  let loaded: Box | null = null;
  let nWanting = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let number = 0;

  async function load(): Promise<void> {
    const box = grown(boxInView(view), MARGIN);
    const mine = ++number;
    try {
      const path = { slide_id: view.slide.slide_id };
      const asking = runOf();
      const query = { ...box, ...(asking ? { run: asking } : {}) };
      const got = await asked(
        view.app.api.GET("/api/slides/{slide_id}/explained", { params: { path, query } }),
      );
      if (mine !== number) return;
      ({ cells, run, scale } = got);
      loaded = box;
      view.redraw();
    } catch (error) {
      if (mine === number) view.app.say(error instanceof Error ? error.message : "", "problem");
    }
  }
  function look(): void {
    if (!nWanting || (loaded && isInside(boxInView(view), loaded))) return;
    clearTimeout(timer);
    timer = setTimeout(() => void load(), WAIT_MS);
  }
  const stops = [
    view.onDraw(look),
    view.app.outbox.onSaved(() => {
      loaded = null; // a label opens the cell that it is of
      look();
    }),
  ];
  return {
    found: {
      get cells() {
        return cells;
      },
      get run() {
        return run;
      },
      get scale() {
        return scale;
      },
      want(isWanted) {
        nWanting += isWanted ? 1 : -1;
        look();
      },
    },
    close() {
      clearTimeout(timer);
      number += 1;
      for (const stop of stops) stop();
    },
  };
}

/** The part of the slide in view, level-0 pixels. */
export function boxInView(view: SlideView): Box {
  const { clientWidth, clientHeight } = view.stage;
  const start = view.toLevel0(0, 0);
  const end = view.toLevel0(clientWidth, clientHeight);
  return { left: start.x_l0, top: start.y_l0, right: end.x_l0, bottom: end.y_l0 };
}

export function grown({ left, top, right, bottom }: Box, share: number): Box {
  const [dx, dy] = [(right - left) * share, (bottom - top) * share];
  return { left: left - dx, top: top - dy, right: right + dx, bottom: bottom + dy };
}

export function isInside(inner: Box, outer: Box): boolean {
  return (
    inner.left >= outer.left &&
    inner.top >= outer.top &&
    inner.right <= outer.right &&
    inner.bottom <= outer.bottom
  );
}
