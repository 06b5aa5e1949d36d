// Where the squares of a slide's picture come from: Deep Zoom levels of our own server.

import OpenSeadragon from "openseadragon";
import type { Slide } from "./app";

export const TILE_PX = 256;

/** How colours are shown; `ignore` is the pixels as the scanner stored them. */
export type ColourWay = "srgb" | "absolute" | "perceptual" | "saturation" | "embed" | "ignore";

/** Number of the Deep Zoom level that holds level 0 of the slide; level 0 of Deep Zoom is 1 px. */
export function maxLevel(width_l0: number, height_l0: number): number {
  return Math.ceil(Math.log2(Math.max(width_l0, height_l0)));
}

/** The address of one square of the picture. */
export function tilePath(slide: Slide, at: { level: number; x: number; y: number }, way: ColourWay): string {
  const { level, x, y } = at;
  const query = new URLSearchParams({ colour: way, v: slide.version });
  return `${slidePath(slide.slide_id)}/tiles/${level}/${x}_${y}.jpg?${query}`;
}

/** The address of a slide among the routes; ids may hold any sign. */
export function slidePath(slide_id: string): string {
  return `/api/slides/${encodeURIComponent(slide_id)}`;
}

export function tileSource(slide: Slide, way: ColourWay): OpenSeadragon.TileSource {
  const source = new OpenSeadragon.TileSource({
    width: slide.width_l0,
    height: slide.height_l0,
    tileSize: TILE_PX,
    tileOverlap: 0,
    minLevel: Math.min(8, maxLevel(slide.width_l0, slide.height_l0)),
    maxLevel: maxLevel(slide.width_l0, slide.height_l0),
  });
  source.getTileUrl = (level, x, y) => tilePath(slide, { level, x, y }, way);
  return source;
}
