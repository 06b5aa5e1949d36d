// Contributing pixels as outlines over the slide: of explained cells, and of the selected one.

import { explainedCells } from "./explained";
import { layerCanvas } from "./layer-canvas";
import type { Attach, SlideView } from "./slide-view";
import { whyAnswers } from "./why-answer";

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
  const [answers, leaveAnswers] = whyAnswers(view);
  const [explained, leaveExplained] = explainedCells(view);
  const canvas = layerCanvas(view, "membranes");
  let isOn = false;

  function draw(): void {
    if (!isOn) return;
    const context = canvas.start();
    if (!context || view.pxPerL0 < SMALLEST_PX_PER_L0) return;
    const selected = answers.state.kind === "told" ? answers.state.why.mask : [];
    const chosen = view.selected?.cell_id;
    for (const cell of explained.cells) {
      if (cell.cell_id !== chosen) outline(context, pathOf(view, cell.polygons), 1.5);
    }
    outline(context, pathOf(view, selected), 2.5);
  }
  const stops = [
    view.onDraw(draw),
    answers.onChange(() => view.redraw()),
    explained.onChange(() => view.redraw()),
    view.addLayer({
      name: "membranes",
      title: "Contributing pixels",
      key: { code: "KeyM", shown: "M" },
      get isOn() {
        return isOn;
      },
      setOn(on) {
        if (on !== isOn) explained.want(on);
        isOn = on;
        if (!on) canvas.clear();
        view.redraw();
      },
    }),
  ];
  return () => {
    if (isOn) explained.want(false);
    for (const stop of stops) stop();
    leaveAnswers();
    leaveExplained();
    canvas.close();
  };
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
