// One open slide: where it lies on the screen, and what the parts of its page share.

import OpenSeadragon from "openseadragon";
import type { App, Slide } from "./app";
import { h } from "./dom";
import { Listeners } from "./listeners";
import { createOsd, isStill } from "./osd";
import type { CellRef } from "./outbox";
import { PictureShown } from "./picture";
import type { ColourWay } from "./slide-paths";
import type { Picture } from "./slide-source";
import type { CellSource, Layer, NearCell, SlideView } from "./slide-view";

/** A slide as the server opened it. `fault`: why it has no picture; `notices`: of its file. */
export interface Opened {
  slide: Slide;
  ways: readonly ColourWay[];
  notices: readonly string[];
  fault: string | null;
}

/** What the slide page's own parts use beyond what all parts share. */
export interface Viewer extends SlideView {
  /** Lies over the stage; buttons of the page are put here. */
  readonly frame: HTMLElement;
  readonly opened: Opened;
  readonly layers: readonly Layer[];
  onLayers(run: () => void): () => void;
  /** Micrometres that a CSS pixel covers now. */
  readonly umPerPx: number;
  /** Magnify; a place of the stage, else its middle, stays where it is. */
  magnify(umPerPx: number, at?: { x: number; y: number }): void;
  panBy(dx: number, dy: number): void;
  whole(): void;
  show(picture: Picture): void;
  /** Called with why squares of the picture are missing, and with null when they came after all. */
  onFault(run: (sentence: string | null) => void): () => void;
  onPointer(run: () => void): () => void;
  close(): void;
}

const HIT_RADIUS_PX = 12;

/** Open a slide in a frame; `side` is the column beside it. Resolves when the picture is placed. */
export async function openViewer(
  app: App,
  opened: Opened,
  { frame, side }: { frame: HTMLElement; side: HTMLElement },
): Promise<Viewer> {
  const { slide } = opened;
  const osd = createOsd(frame.querySelector<HTMLElement>(".slide-osd") ?? frame, slide);
  const stage = h("div", { className: "stage" });
  osd.canvas.append(stage);
  const draws = new Listeners<void>();
  const faults = new Listeners<string | null>();
  const plane = createPlane(osd, slide, () => draws.tell());
  const shown = new PictureShown(osd, opened, (sentence) => faults.tell(sentence));
  const pointer = followPointer(stage, frame);
  const { viewport } = osd;
  const zoomOf = (width_um: number): number => (slide.width_l0 * slide.mpp) / width_um;
  const layers = createLayers();
  const selection = createSelection();
  await shown.show({ way: "srgb" });

  return {
    app,
    opened,
    slide,
    osd,
    stage,
    side,
    frame,
    ...layers,
    ...createCells(),
    get selected() {
      return selection.selected;
    },
    select: selection.select,
    onSelect: selection.onSelect,
    get pxPerL0() {
      return plane.scale;
    },
    get umPerPx() {
      return slide.mpp / plane.scale;
    },
    toScreen: (x_l0, y_l0) => ({
      x: (x_l0 - plane.left) * plane.scale,
      y: (y_l0 - plane.top) * plane.scale,
    }),
    toLevel0: (x, y) => ({
      x_l0: plane.left + x / plane.scale,
      y_l0: plane.top + y / plane.scale,
    }),
    pointer: () => pointer.at,
    onPointer: (run) => pointer.moves.add(run),
    onDraw: (run) => draws.add(run),
    redraw: plane.redraw,
    show: (picture) => void shown.show(picture),
    onFault: (run) => faults.add(run),
    centre(x_l0, y_l0, um) {
      const middle = new OpenSeadragon.Point(x_l0 / slide.width_l0, y_l0 / slide.width_l0);
      viewport.panTo(middle, isStill());
      if (um) viewport.zoomTo(zoomOf(um), undefined, isStill());
      viewport.applyConstraints();
    },
    magnify(umPerPx, at) {
      const kept = at && viewport.pointFromPixel(new OpenSeadragon.Point(at.x, at.y));
      viewport.zoomTo(zoomOf(viewport.getContainerSize().x * umPerPx), kept, isStill());
      viewport.applyConstraints();
    },
    panBy(dx, dy) {
      const delta = viewport.deltaPointsFromPixels(new OpenSeadragon.Point(dx, dy));
      viewport.panBy(delta, isStill());
      viewport.applyConstraints();
    },
    whole: () => void viewport.goHome(isStill()),
    close() {
      pointer.stop();
      plane.stop();
      shown.close();
      osd.destroy();
    },
  };
}

/** Where level 0 lies on the stage: measured before every draw, and told when it moved. */
function createPlane(osd: OpenSeadragon.Viewer, slide: Slide, tell: () => void) {
  const plane = { left: 0, top: 0, scale: 1, redraw, stop: () => cancelAnimationFrame(asked) };
  let asked = 0;
  function measure(): boolean {
    const bounds = osd.viewport.getBoundsNoRotate(true);
    const scale = osd.viewport.getContainerSize().x / bounds.width / slide.width_l0;
    const left = bounds.x * slide.width_l0;
    const top = bounds.y * slide.width_l0;
    const isMoved = left !== plane.left || top !== plane.top || scale !== plane.scale;
    Object.assign(plane, { left, top, scale });
    return isMoved;
  }
  function drawNow(): void {
    cancelAnimationFrame(asked);
    asked = 0;
    tell();
  }
  function redraw(): void {
    asked ||= requestAnimationFrame(() => {
      measure();
      drawNow();
    });
  }
  osd.addHandler("update-viewport", () => {
    if (measure()) drawNow();
  });
  osd.addHandler("resize", redraw);
  measure();
  return plane;
}

function followPointer(stage: HTMLElement, frame: HTMLElement) {
  const moves = new Listeners<void>();
  const pointer = { at: null as { x: number; y: number } | null, moves, stop };
  const follow = (event: PointerEvent): void => {
    const box = stage.getBoundingClientRect();
    pointer.at = { x: event.clientX - box.left, y: event.clientY - box.top };
    moves.tell();
  };
  const lose = (): void => {
    pointer.at = null;
    moves.tell();
  };
  frame.addEventListener("pointermove", follow, true);
  frame.addEventListener("pointerdown", follow, true);
  frame.addEventListener("pointerleave", lose);
  function stop(): void {
    frame.removeEventListener("pointermove", follow, true);
    frame.removeEventListener("pointerdown", follow, true);
    frame.removeEventListener("pointerleave", lose);
  }
  return pointer;
}

function createLayers(): Pick<Viewer, "layers" | "addLayer" | "onLayers"> {
  const layers: Layer[] = [];
  const changes = new Listeners<void>();
  return {
    layers,
    onLayers: (run) => changes.add(run),
    addLayer(layer) {
      layers.push(layer);
      changes.tell();
      return () => {
        const at = layers.indexOf(layer);
        if (at >= 0) layers.splice(at, 1);
        changes.tell();
      };
    },
  };
}

function createSelection(): Pick<Viewer, "selected" | "select" | "onSelect"> {
  const changes = new Listeners<CellRef | null>();
  let selected: CellRef | null = null;
  return {
    get selected() {
      return selected;
    },
    select(cell) {
      selected = cell;
      changes.tell(cell);
    },
    onSelect: (run) => changes.add(run),
  };
}

function createCells(): Pick<Viewer, "addCells" | "cellNear"> {
  const sources: CellSource[] = [];
  return {
    addCells(source) {
      sources.push(source);
      return () => {
        const at = sources.indexOf(source);
        if (at >= 0) sources.splice(at, 1);
      };
    },
    cellNear(x, y, radius = HIT_RADIUS_PX) {
      let best: NearCell | null = null;
      for (const source of sources) {
        const found = source(x, y, radius);
        if (found && (!best || found.distance < best.distance)) best = found;
      }
      return best?.cell ?? null;
    },
  };
}
