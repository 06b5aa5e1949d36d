// Contributing pixels as outlines over the slide: of explained cells, and of the selected one.

import { explainedLayer } from "./explained-layer";
import type { Attach, SlideView } from "./slide-view";

const INK = "#0064c8";
const RIM = "rgba(255, 255, 255, 0.9)";
const SMALLEST_PX_PER_L0 = 0.04;

type Polygons = readonly (readonly (readonly (readonly number[])[])[])[];

/** The rings of polygons on the screen, as one path; holes stay holes under "evenodd". */
export function pathOf(view: Pick<SlideView, "toScreen">, polygons: Polygons): [number, number][][] {
  return polygons.flatMap((rings) =>
    rings.map((ring) =>
      ring.map(([x_l0, y_l0]) => {
        const { x, y } = view.toScreen(x_l0!, y_l0!);
        return [x, y] as [number, number];
      }),
    ),
  );
}

export const attachMembranes: Attach = (view) => {
  const about = {
    name: "membranes",
    title: "Contributing pixels",
    key: { code: "KeyM", shown: "M" },
  };
  const layer = explainedLayer(view, about, draw, () => view.redraw());
  const { answers, explained } = layer;

  function draw(context: CanvasRenderingContext2D): void {
    if (view.pxPerL0 < SMALLEST_PX_PER_L0) return;
    const selected = answers.state.kind === "told" ? answers.state.why.mask : [];
    const chosen = view.selected?.cell_id;
    for (const cell of explained.cells) {
      if (cell.cell_id !== chosen) outline(context, pathOf(view, cell.polygons), 1.5);
    }
    outline(context, pathOf(view, selected), 2.5);
  }
  return () => layer.close();
};

function outline(context: CanvasRenderingContext2D, rings: [number, number][][], width: number): void {
  if (!rings.length) return;
  context.beginPath();
  for (const ring of rings) {
    ring.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
  }
  context.lineJoin = "round";
  context.strokeStyle = RIM;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = INK;
  context.lineWidth = width;
  context.stroke();
}
