// What the layers over explained cells share: cells and answers, a canvas, a switch, and the end.

import { explainedCells } from "./explained";
import type { ExplainedCells } from "./explained";
import { layerCanvas } from "./layer-canvas";
import type { Layer, SlideView } from "./slide-view";
import { whyAnswers } from "./why-answer";

export interface ExplainedLayer {
  readonly answers: ReturnType<typeof whyAnswers>[0];
  readonly explained: ExplainedCells;
  close(): void;
}

/** Adds a layer; `draw` is called while it is on, `answered` with every answer to why. */
export function explainedLayer(
  view: SlideView,
  about: Pick<Layer, "name" | "title" | "key">,
  draw: (context: CanvasRenderingContext2D) => void,
  answered: () => void,
): ExplainedLayer {
  const [answers, leaveAnswers] = whyAnswers(view);
  const [explained, leaveExplained] = explainedCells(view);
  const canvas = layerCanvas(view, about.name);
  let isOn = false;
  const stops = [
    view.onDraw(() => {
      const context = isOn ? canvas.start() : null;
      if (context) draw(context);
    }),
    answers.onChange(answered),
    view.addLayer({
      ...about,
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
  return {
    answers,
    explained,
    close() {
      if (isOn) explained.want(false);
      for (const stop of stops) stop();
      leaveAnswers();
      leaveExplained();
      canvas.close();
    },
  };
}
