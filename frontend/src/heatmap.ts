// Heat maps over the slide: of the cells that the run explained, and of the selected one.

import { bytes } from "./api";
import { explainedLayer } from "./explained-layer";
import type { Attach, SlideView } from "./slide-view";

const ATLAS_COLUMNS = 8;
const AT_ONCE = 64;
const SMALLEST_PX = 14; // of a map on the screen; smaller ones say nothing
const MOST_KEPT = 600;
const STAMP = "not converged";

/** A square on the screen, CSS pixels. */
export interface Square {
  x: number;
  y: number;
  side: number;
}

/** Where the map of a cell lies on the screen: its box on the slide, pixel by pixel. */
export function squareOf(
  view: Pick<SlideView, "toScreen">,
  { left_l0, top_l0, width_l0 }: { left_l0: number; top_l0: number; width_l0: number },
): Square {
  const start = view.toScreen(left_l0, top_l0);
  const end = view.toScreen(left_l0 + width_l0, top_l0);
  return { x: start.x, y: start.y, side: end.x - start.x };
}

/** Where the map of the nth of some cells lies in the picture that holds them all. */
export function placeInAtlas(n: number, side: number): { x: number; y: number } {
  return { x: (n % ATLAS_COLUMNS) * side, y: Math.floor(n / ATLAS_COLUMNS) * side };
}

export const attachHeatMaps: Attach = (view) => {
  const about = {
    name: "heat-maps",
    title: "Heat maps: what moved the model",
    key: { code: "KeyH", shown: "H" },
  };
  const layer = explainedLayer(view, about, draw, () => void follow());
  const { answers, explained } = layer;
  const maps = new Map<number, ImageBitmap>();
  const asking = new Set<number>();
  let own: { path: string; picture: ImageBitmap } | null = null;
  let isOpen = true;

  function draw(context: CanvasRenderingContext2D): void {
    const missing: number[] = [];
    for (const cell of explained.cells) {
      const square = squareOf(view, cell.box);
      if (square.side < SMALLEST_PX || !isInView(view, square)) continue;
      const picture = maps.get(cell.number);
      if (picture) context.drawImage(picture, square.x, square.y, square.side, square.side);
      else if (cell.has_map) missing.push(cell.number);
      if (!cell.is_converged) stamp(context, square);
    }
    drawSelected(context);
    if (missing.length) void load(missing);
  }
  function drawSelected(context: CanvasRenderingContext2D): void {
    const { state } = answers;
    if (state.kind !== "told" || own?.path !== state.why.pictures.heat_map) return;
    const square = squareOf(view, state.why.box);
    context.clearRect(square.x, square.y, square.side, square.side);
    context.drawImage(own.picture, square.x, square.y, square.side, square.side);
    context.strokeStyle = "#1d2430";
    context.lineWidth = 1.5;
    context.strokeRect(square.x, square.y, square.side, square.side);
    if (!state.why.is_converged) stamp(context, square);
  }
  async function load(missing: number[]): Promise<void> {
    const some = missing.filter((number) => !asking.has(number)).slice(0, AT_ONCE);
    if (!some.length) return;
    for (const number of some) asking.add(number);
    try {
      const run = explained.run ? `&run=${encodeURIComponent(explained.run)}` : "";
      const slide = encodeURIComponent(view.slide.slide_id);
      const path = `/api/slides/${slide}/explained/maps.png?numbers=${some.join(",")}${run}`;
      const atlas = await bitmapOf(path);
      const side = atlas.width / ATLAS_COLUMNS;
      const cut = some.map((_, n) => {
        const { x, y } = placeInAtlas(n, side);
        return createImageBitmap(atlas, x, y, side, side);
      });
      const found = await Promise.all(cut);
      if (!isOpen) return;
      if (maps.size > MOST_KEPT) maps.clear();
      some.forEach((number, n) => maps.set(number, found[n]!));
      view.redraw();
    } catch (error) {
      if (isOpen) view.app.say(error instanceof Error ? error.message : "", "problem");
    } finally {
      for (const number of some) asking.delete(number);
    }
  }
  async function follow(): Promise<void> {
    const path = answers.state.kind === "told" ? answers.state.why.pictures.heat_map : null;
    if (path && own?.path !== path) {
      try {
        const picture = await bitmapOf(path);
        if (answers.state.kind === "told" && answers.state.why.pictures.heat_map === path) {
          own = { path, picture };
        }
      } catch {
        own = null; // the panel says what is wrong
      }
    }
    view.redraw();
  }
  return () => {
    isOpen = false;
    layer.close();
  };
};

async function bitmapOf(path: string): Promise<ImageBitmap> {
  const png = await bytes(path);
  return createImageBitmap(new Blob([png], { type: "image/png" }));
}

function isInView(view: SlideView, { x, y, side }: Square): boolean {
  const { clientWidth, clientHeight } = view.stage;
  return x + side > 0 && y + side > 0 && x < clientWidth && y < clientHeight;
}

/** Say on a map itself that it must not be trusted. */
function stamp(context: CanvasRenderingContext2D, { x, y, side }: Square): void {
  context.font = "600 12px system-ui, sans-serif";
  const text = side > 110 ? STAMP.toUpperCase() : "!";
  const width = context.measureText(text).width + 10;
  context.fillStyle = "#14181f";
  context.fillRect(x + side / 2 - width / 2, y + 4, width, 18);
  context.fillStyle = "#ffffff";
  context.textAlign = "center";
  context.fillText(text, x + side / 2, y + 17);
}
