// Where the squares of a slide's picture come from: Deep Zoom levels of our own server.

import OpenSeadragon from "openseadragon";
import { ApiError, bytes } from "./api";
import type { Slide } from "./app";
import { maxLevel, tilePath, TILE_PX } from "./slide-paths";
import type { ColourWay } from "./slide-paths";

const SMALLEST_LEVEL = 8;

/** One picture of a slide; `recolour` changes the pixels of each square, `name` tells such apart. */
export interface Picture {
  way: ColourWay;
  name?: string;
  recolour?(pixels: Uint8ClampedArray): void;
}

/** What is told of squares that did not come: `isLost` may come later, otherwise it never will. */
export interface Faults {
  tell(fault: { sentence: string; isLost: boolean }): void;
}

/** Return the picture of a slide for OpenSeadragon; a square that cannot be decoded is hatched. */
export function tileSource(
  slide: Slide,
  picture: Picture,
  faults: Faults,
): OpenSeadragon.TileSource {
  const source = emptySource(slide);
  source.getTileUrl = (level, x, y) => tilePath(slide, { level, x, y }, picture.way);
  source.getTileHashKey = (level, x, y) =>
    [slide.slide_id, picture.way, picture.name ?? "", level, x, y].join("/");
  source.downloadTileStart = (job) => {
    const stop = new AbortController();
    job.userData.stop = stop;
    void load(job, picture, faults, stop.signal);
  };
  source.downloadTileAbort = (job) => (job.userData.stop as AbortController | undefined)?.abort();
  return source;
}

/** Return hatched squares in the place of a slide whose file is gone. */
export function hatchedSource(slide: Slide): OpenSeadragon.TileSource {
  const source = emptySource(slide);
  source.getTileUrl = (level, x, y) => `missing/${level}/${x}_${y}`;
  source.downloadTileStart = (job) => job.finish(hatched(), null, "context2d");
  source.downloadTileAbort = () => {};
  return source;
}

function emptySource(slide: Slide): OpenSeadragon.TileSource {
  const top = maxLevel(slide.width_l0, slide.height_l0);
  const source = new OpenSeadragon.TileSource({
    width: slide.width_l0,
    height: slide.height_l0,
    tileSize: TILE_PX,
    tileOverlap: 0,
    minLevel: Math.min(SMALLEST_LEVEL, top),
    maxLevel: top,
  });
  source.hasTransparency = () => false;
  return source;
}

async function load(
  job: OpenSeadragon.ImageJob,
  picture: Picture,
  faults: Faults,
  signal: AbortSignal,
): Promise<void> {
  try {
    const bitmap = await createImageBitmap(new Blob([await bytes(job.src, signal)]));
    if (picture.recolour) job.finish(recoloured(bitmap, picture), null, "context2d");
    else job.finish(bitmap, null, "imageBitmap");
  } catch (error) {
    if (signal.aborted) return;
    const isRefused = error instanceof ApiError;
    const sentence = isRefused ? error.message : "a square of the picture cannot be shown";
    const isLost = isRefused && (error.status === 0 || error.status >= 500 || error.status === 401);
    faults.tell({ sentence, isLost });
    if (isLost) job.fail(sentence, null);
    else job.finish(hatched(), null, "context2d");
  }
}

function recoloured(bitmap: ImageBitmap, picture: Picture): CanvasRenderingContext2D {
  const context = square(bitmap.width, bitmap.height);
  const pixels = read(context, bitmap);
  picture.recolour?.(pixels.data);
  context.putImageData(pixels, 0, 0);
  return context;
}

function read(context: CanvasRenderingContext2D, bitmap: ImageBitmap): ImageData {
  const { width, height } = bitmap;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

function square(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser draws no pictures");
  return context;
}

function hatched(): CanvasRenderingContext2D {
  const context = square(TILE_PX, TILE_PX);
  context.fillStyle = "#dfe3ea";
  context.fillRect(0, 0, TILE_PX, TILE_PX);
  context.strokeStyle = "#8a94a4";
  context.lineWidth = 4;
  context.beginPath();
  for (let start = -TILE_PX; start < TILE_PX; start += 32) {
    context.moveTo(start, TILE_PX);
    context.lineTo(start + TILE_PX, 0);
  }
  context.stroke();
  return context;
}
