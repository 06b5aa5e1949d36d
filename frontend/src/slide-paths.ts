// Addresses of the pictures of a slide.

import type { Slide } from "./app";

export const TILE_PX = 256;

/** How colours are shown; `ignore` is the pixels as the scanner stored them. */
export const COLOUR_WAYS = [
  "srgb",
  "absolute",
  "perceptual",
  "saturation",
  "embed",
  "ignore",
] as const;
export type ColourWay = (typeof COLOUR_WAYS)[number];

/** Number of the Deep Zoom level that holds level 0 of the slide; level 0 of Deep Zoom is 1 px. */
export function maxLevel(width_l0: number, height_l0: number): number {
  return Math.ceil(Math.log2(Math.max(width_l0, height_l0)));
}

/** The address of a slide among the routes; ids may hold any sign. */
export function slidePath(slide_id: string): string {
  return `/api/slides/${encodeURIComponent(slide_id)}`;
}

/** The address of one square of the picture. */
export function tilePath(
  slide: Pick<Slide, "slide_id" | "version">,
  at: { level: number; x: number; y: number },
  way: ColourWay,
): string {
  const query = new URLSearchParams({ colour: way, v: slide.version });
  return `${slidePath(slide.slide_id)}/tiles/${at.level}/${at.x}_${at.y}.jpg?${query}`;
}
