// Unmixing of stains in the browser: the same numbers as rimlight.core.stains gives.

/** Stain vectors of the study: rows haematoxylin, DAB, residual; `inverse` unmixes. */
export interface Stains {
  vectors: readonly (readonly number[])[];
  inverse: readonly (readonly number[])[];
}

export const CHANNELS = ["haematoxylin", "dab"] as const;
export type Channel = (typeof CHANNELS)[number];

const DENSEST_OD = 3;
const STEPS = 1024;

/** What each value 0..255 of red, green and blue adds to the optical density of one stain. */
export type Shares = readonly [Float64Array, Float64Array, Float64Array];

/** Return the shares of one stain; light of 0 is read as 1, as the server reads it. */
export function sharesOf(stains: Stains, white: readonly number[], channel: Channel): Shares {
  const column = CHANNELS.indexOf(channel);
  const of = (colour: number): Float64Array =>
    Float64Array.from({ length: 256 }, (_, value) => {
      const od = Math.log10(white[colour]! / Math.max(1, value));
      return od * stains.inverse[colour]![column]!;
    });
  return [of(0), of(1), of(2)];
}

/** Optical density of one stain in a pixel; below 0 where there is more light than white. */
export function densityOf(shares: Shares, red: number, green: number, blue: number): number {
  return shares[0][red]! + shares[1][green]! + shares[2][blue]!;
}

/** Light of a stain alone on white, 0..255: a colour every `DENSEST_OD / STEPS` of density. */
export function paletteOf(stains: Stains, channel: Channel): Uint8ClampedArray {
  const vector = stains.vectors[CHANNELS.indexOf(channel)]!;
  const palette = new Uint8ClampedArray(3 * (STEPS + 1));
  for (let step = 0; step <= STEPS; step++) {
    const od = (step * DENSEST_OD) / STEPS;
    for (let colour = 0; colour < 3; colour++) {
      palette[3 * step + colour] = Math.round(255 * 10 ** (-od * vector[colour]!));
    }
  }
  return palette;
}

/** Show one stain alone: change RGBA pixels in place. */
export function recolour(
  pixels: Uint8ClampedArray,
  shares: Shares,
  palette: Uint8ClampedArray,
): void {
  for (let at = 0; at < pixels.length; at += 4) {
    const od = densityOf(shares, pixels[at]!, pixels[at + 1]!, pixels[at + 2]!);
    const from = 3 * stepOf(od);
    pixels[at] = palette[from]!;
    pixels[at + 1] = palette[from + 1]!;
    pixels[at + 2] = palette[from + 2]!;
  }
}

/** Colour of a density, as CSS. */
export function cssOf(palette: Uint8ClampedArray, od: number): string {
  const from = 3 * stepOf(od);
  return `rgb(${palette[from]} ${palette[from + 1]} ${palette[from + 2]})`;
}

function stepOf(od: number): number {
  return Math.min(STEPS, Math.max(0, Math.round((od * STEPS) / DENSEST_OD)));
}
