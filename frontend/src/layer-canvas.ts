// A canvas over the picture, as large as it and as sharp as the screen.

import { h } from "./dom";
import type { SlideView } from "./slide-view";

export interface LayerCanvas {
  /** Cleared and ready, in CSS pixels of the stage; null where there is nothing to draw on. */
  start(): CanvasRenderingContext2D | null;
  clear(): void;
  close(): void;
}

export function layerCanvas(view: SlideView, name: string): LayerCanvas {
  const canvas = h("canvas", { className: `layer-canvas ${name}`, aria: { hidden: "true" } });
  canvas.style.position = "absolute";
  canvas.style.inset = "0";
  canvas.style.width = canvas.style.height = "100%";
  canvas.style.pointerEvents = "none";
  view.stage.append(canvas);
  return {
    start() {
      const sharp = globalThis.devicePixelRatio || 1;
      const width = Math.round(view.stage.clientWidth * sharp);
      const height = Math.round(view.stage.clientHeight * sharp);
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      const context = canvas.getContext("2d");
      context?.setTransform(sharp, 0, 0, sharp, 0, 0);
      context?.clearRect(0, 0, view.stage.clientWidth, view.stage.clientHeight);
      return context;
    },
    clear() {
      canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
    },
    close: () => canvas.remove(),
  };
}
