// One open slide: OpenSeadragon without its own keys and buttons, and what its parts share.

import OpenSeadragon from "openseadragon";
import type { App, Slide } from "./app";
import { h } from "./dom";
import type { CellRef } from "./outbox";
import { TILE_PX, tileSource } from "./slide-source";
import type { ColourWay } from "./slide-source";
import type { CellSource, Layer, NearCell, SlideView } from "./slide-view";

/** What the slide page itself needs beyond what its parts share. */
export interface Viewer extends SlideView {
  readonly layers: readonly Layer[];
  onLayers(run: () => void): () => void;
  /** Micrometres that a CSS pixel covers now. */
  readonly umPerPx: number;
  /** Show the slide magnified, with the present middle or a place of the stage kept where it is. */
  magnify(umPerPx: number, at?: { x: number; y: number }): void;
  panBy(dx: number, dy: number): void;
  /** Load the picture anew in another way of colour. */
  setColour(way: ColourWay): void;
  close(): void;
}

const LARGEST_CSS_PX_PER_L0 = 12;
const ANIMATION_S = 0.25;
const HIT_RADIUS_PX = 12;

/** Open a slide in a frame; `side` is the column beside it. */
export function openViewer(
  app: App,
  slide: Slide,
  { frame, side }: { frame: HTMLElement; side: HTMLElement },
): Viewer {
  const osd = createOsd(frame, slide);
  const stage = h("div", { className: "stage" });
  osd.canvas.append(stage);
  const draws = new Listeners<void>();
  const selections = new Listeners<CellRef | null>();
  const layerChanges = new Listeners<void>();
  const layers: Layer[] = [];
  const sources: CellSource[] = [];
  let selected: CellRef | null = null;
  let asked = 0;
  const plane = { left: 0, top: 0, scale: 1 };
  let over: { x: number; y: number } | null = null;

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
    draws.tell();
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
  osd.addHandler("open", redraw);
  const follow = (event: PointerEvent): void => {
    const box = stage.getBoundingClientRect();
    over = { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const lose = (): void => {
    over = null;
  };
  frame.addEventListener("pointermove", follow);
  frame.addEventListener("pointerdown", follow);
  frame.addEventListener("pointerleave", lose);
  measure();

  return {
    app,
    slide,
    osd,
    stage,
    side,
    layers,
    get pxPerL0() {
      return plane.scale;
    },
    get umPerPx() {
      return slide.mpp / plane.scale;
    },
    get selected() {
      return selected;
    },
    toScreen: (x_l0, y_l0) => ({
      x: (x_l0 - plane.left) * plane.scale,
      y: (y_l0 - plane.top) * plane.scale,
    }),
    toLevel0: (x, y) => ({
      x_l0: plane.left + x / plane.scale,
      y_l0: plane.top + y / plane.scale,
    }),
    pointer: () => over,
    onDraw: (run) => draws.add(run),
    redraw,
    addLayer(layer) {
      layers.push(layer);
      layerChanges.tell();
      return () => {
        const at = layers.indexOf(layer);
        if (at >= 0) layers.splice(at, 1);
        layerChanges.tell();
      };
    },
    onLayers: (run) => layerChanges.add(run),
    select(cell) {
      selected = cell;
      selections.tell(cell);
    },
    onSelect: (run) => selections.add(run),
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
    centre(x_l0, y_l0, um) {
      const middle = new OpenSeadragon.Point(x_l0 / slide.width_l0, y_l0 / slide.width_l0);
      osd.viewport.panTo(middle, isStill());
      if (um) osd.viewport.zoomTo((slide.width_l0 * slide.mpp) / um, undefined, isStill());
      osd.viewport.applyConstraints();
    },
    magnify(umPerPx, at) {
      const width_um = osd.viewport.getContainerSize().x * umPerPx;
      const kept = at && osd.viewport.pointFromPixel(new OpenSeadragon.Point(at.x, at.y));
      osd.viewport.zoomTo((slide.width_l0 * slide.mpp) / width_um, kept, isStill());
      osd.viewport.applyConstraints();
    },
    panBy(dx, dy) {
      const delta = osd.viewport.deltaPointsFromPixels(new OpenSeadragon.Point(dx, dy));
      osd.viewport.panBy(delta, isStill());
      osd.viewport.applyConstraints();
    },
    setColour(way) {
      const old = osd.world.getItemAt(0) as OpenSeadragon.TiledImage | undefined;
      osd.addTiledImage({
        tileSource: tileSource(slide, way),
        ...(old ? { index: 1 } : {}),
        success: () => {
          if (old && osd.world.getIndexOfItem(old) >= 0) osd.world.removeItem(old);
          redraw();
        },
      });
    },
    close() {
      frame.removeEventListener("pointermove", follow);
      frame.removeEventListener("pointerdown", follow);
      frame.removeEventListener("pointerleave", lose);
      cancelAnimationFrame(asked);
      osd.destroy();
    },
  };
}

function createOsd(frame: HTMLElement, slide: Slide): OpenSeadragon.Viewer {
  const gestures = { clickToZoom: false, dblClickToZoom: false, dblClickDragToZoom: false };
  const osd = new OpenSeadragon.Viewer({
    element: frame,
    showNavigationControl: false,
    showSequenceControl: false,
    keyboardNavEnabled: false,
    animationTime: isStill() ? 0 : ANIMATION_S,
    springStiffness: 8,
    blendTime: 0,
    imageLoaderLimit: 8,
    maxTilesPerFrame: 12,
    maxImageCacheCount: 600,
    visibilityRatio: 0.2,
    minZoomImageRatio: 0.7,
    maxZoomPixelRatio: LARGEST_CSS_PX_PER_L0,
    smoothTileEdgesMinZoom: Infinity,
    placeholderFillStyle: "#e9ecf1",
    tileRetryMax: 1,
    gestureSettingsMouse: { ...gestures, flickEnabled: false },
    gestureSettingsPen: gestures,
    gestureSettingsTouch: { ...gestures, pinchRotate: false, flickMomentum: 0.1 },
    tileSources: tileSource(slide, "srgb") as unknown as string,
  } as OpenSeadragon.Options);
  osd.canvas.tabIndex = 0;
  osd.canvas.setAttribute("role", "application");
  osd.canvas.setAttribute("aria-roledescription", "slide");
  osd.canvas.setAttribute(
    "aria-label",
    `Slide ${slide.slide_id}: arrows pan, plus and minus magnify, question mark shows all keys`,
  );
  return osd;
}

/** Whether the person asked their system for less motion. */
export function isStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

class Listeners<T> {
  private readonly all = new Set<(value: T) => void>();
  add(run: (value: T) => void): () => void {
    this.all.add(run);
    return () => this.all.delete(run);
  }
  tell(value: T): void {
    for (const run of [...this.all]) run(value);
  }
}

export { TILE_PX };
