// OpenSeadragon as the workbench uses it: without its own keys, buttons and style sheet.

import OpenSeadragon from "openseadragon";
import type { Slide } from "./app";

const LARGEST_CSS_PX_PER_L0 = 12;
const ANIMATION_S = 0.25;

/** Whether the person asked their system for less motion. */
export function isStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Make an empty viewer in a frame; its canvas is what a screen reader calls the slide. */
export function createOsd(frame: HTMLElement, slide: Slide): OpenSeadragon.Viewer {
  forestallStyleElement();
  quieten();
  const gestures = { clickToZoom: false, dblClickToZoom: false, dblClickDragToZoom: false };
  const osd = new OpenSeadragon.Viewer({
    element: frame,
    drawer: "canvas", // docs/decisions/0029: ten times as fast where there is no graphics card
    showNavigationControl: false,
    showSequenceControl: false,
    keyboardNavEnabled: false,
    animationTime: isStill() ? 0 : ANIMATION_S,
    springStiffness: 8,
    blendTime: 0,
    imageLoaderLimit: 24,
    maxTilesPerFrame: 24,
    maxImageCacheCount: 600,
    preserveImageSizeOnResize: true,
    visibilityRatio: 0.2,
    minZoomImageRatio: 0.7,
    maxZoomPixelRatio: LARGEST_CSS_PX_PER_L0,
    smoothTileEdgesMinZoom: Infinity,
    gestureSettingsMouse: { ...gestures, scrollToZoom: false, flickEnabled: false },
    gestureSettingsPen: { ...gestures, scrollToZoom: false },
    gestureSettingsTouch: { ...gestures, pinchRotate: false, flickMomentum: 0.1 },
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

/** OpenSeadragon adds a style element, which the content policy refuses, unless one is there: this is no style. */
function forestallStyleElement(): void {
  const mark = "data-openseadragon-mobile-css";
  if (document.querySelector(`style[${mark}]`)) return;
  const empty = document.createElementNS("urn:rimlight:nothing", "style");
  empty.setAttribute(mark, "true");
  document.head.append(empty);
}

/** OpenSeadragon warns of every square that comes after its picture was taken away. */
function quieten(): void {
  const { log, debug, info, error, assert } = console;
  Object.assign(OpenSeadragon, { console: { log, debug, info, error, assert, warn: () => {} } });
}
