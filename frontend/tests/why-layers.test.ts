// Heat maps and outlines lie where their pixels lie on the slide: not one pixel beside.

import { expect, test } from "vitest";
import { grown, isInside } from "../src/explained";
import { placeInAtlas, squareOf } from "../src/heatmap";
import { pathOf } from "../src/membranes";

/** A view with its top left corner at 1000, 500 of level 0, and 2.5 CSS pixels a level-0 pixel. */
const VIEW = {
  toScreen: (x_l0: number, y_l0: number) => ({ x: (x_l0 - 1000) * 2.5, y: (y_l0 - 500) * 2.5 }),
};
const SIDE_PX = 64;
const BOX = { left_l0: 1036, top_l0: 516, width_l0: 128 };

/** Middle of a pixel of the map on level 0, as the server made it: step 2 from the corner. */
function onSlide(column: number, row: number): [number, number] {
  const step = BOX.width_l0 / SIDE_PX;
  return [BOX.left_l0 + (column + 0.5) * step, BOX.top_l0 + (row + 0.5) * step];
}

test("every pixel of a heat map is drawn over the tissue that it is of", () => {
  const square = squareOf(VIEW, BOX);
  for (const [column, row] of [[0, 0], [63, 0], [0, 63], [31, 17]] as const) {
    const drawn = {
      x: square.x + ((column + 0.5) / SIDE_PX) * square.side,
      y: square.y + ((row + 0.5) / SIDE_PX) * square.side,
    };
    const tissue = VIEW.toScreen(...onSlide(column, row));
    expect(drawn.x).toBeCloseTo(tissue.x, 9);
    expect(drawn.y).toBeCloseTo(tissue.y, 9);
  }
});

test("a map that is one of its pixels to the side would be seen", () => {
  const square = squareOf(VIEW, { ...BOX, left_l0: BOX.left_l0 + 2 });
  expect(square.x - squareOf(VIEW, BOX).x).toBeCloseTo(5, 9);
});

test("maps are cut from the picture that holds them, eight a row", () => {
  expect([0, 7, 8, 63].map((n) => placeInAtlas(n, 64))).toEqual([
    { x: 0, y: 0 },
    { x: 448, y: 0 },
    { x: 0, y: 64 },
    { x: 448, y: 448 },
  ]);
});

test("an outline goes along the corners of its pixels, holes among them", () => {
  const ring = [[1036, 516], [1038, 516], [1038, 518], [1036, 516]];
  const hole = [[1036.5, 516.5], [1037, 516.5], [1037, 517], [1036.5, 516.5]];
  const path = pathOf(VIEW, [[ring, hole], [ring]]);
  expect(path).toHaveLength(3);
  expect(path[0]).toEqual([[90, 40], [95, 40], [95, 45], [90, 40]]);
  expect(path[1]![0]).toEqual([91.25, 41.25]);
});

test("what was loaded serves until the view leaves it", () => {
  const view = { left: 0, top: 0, right: 100, bottom: 50 };
  const loaded = grown(view, 0.5);
  expect(loaded).toEqual({ left: -50, top: -25, right: 150, bottom: 75 });
  expect(isInside(view, loaded)).toBe(true);
  expect(isInside({ ...view, right: 151 }, loaded)).toBe(false);
});
