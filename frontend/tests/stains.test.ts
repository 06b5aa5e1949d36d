import { expect, test } from "vitest";
import { CHANNELS, cssOf, densityOf, paletteOf, recolour, sharesOf } from "../src/stains";

// From rimlight.core.stains; tests/web/test_stains.py checks that they still are its numbers.
import known from "./stains.json";

test("the browser unmixes the same optical densities as the server", () => {
  expect(known.cells.length).toBeGreaterThan(100);
  for (const { rgb, white, ...densities } of known.cells) {
    for (const channel of CHANNELS) {
      const od = densityOf(sharesOf(known.stains, white, channel), rgb[0]!, rgb[1]!, rgb[2]!);
      expect(Math.abs(od - densities[channel])).toBeLessThan(2e-6);
    }
  }
});

test("a pixel of pure DAB is white in haematoxylin and keeps its colour in DAB", () => {
  const od = 0.8;
  const white = [255, 255, 255];
  const rgb = known.stains.vectors[1]!.map((part) => Math.round(255 * 10 ** (-od * part)));
  const shown = (channel: "haematoxylin" | "dab"): number[] => {
    const pixels = Uint8ClampedArray.from([...rgb, 255]);
    recolour(pixels, sharesOf(known.stains, white, channel), paletteOf(known.stains, channel));
    return [...pixels];
  };
  shown("dab").forEach((value, at) => expect(Math.abs(value - [...rgb, 255][at]!)).toBeLessThan(3));
  for (const value of shown("haematoxylin")) expect(value).toBeGreaterThan(251);
});

test("more light than glass is shown white, and density beyond the palette is shown darkest", () => {
  const palette = paletteOf(known.stains, "dab");
  expect(cssOf(palette, -0.4)).toBe("rgb(255 255 255)");
  expect(cssOf(palette, 9)).toBe(cssOf(palette, 3));
});
