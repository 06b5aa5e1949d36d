import { expect, test } from "vitest";
import { areaOf, boxOf, isApart, pathOf, rectangle, simplified } from "../src/region-shapes";
import type { Ring } from "../src/region-shapes";

const square: Ring = [[10, 20], [30, 20], [30, 50], [10, 50]];
const hole: Ring = [[12, 22], [14, 22], [14, 24], [12, 24]];

test("a path holds the outline and its holes", () => {
  expect(pathOf([[square, hole]])).toBe("M10 20L30 20L30 50L10 50ZM12 22L14 22L14 24L12 24Z");
});

test("an area counts no hole, whichever way the corners run", () => {
  expect(areaOf([[square]])).toBe(600);
  expect(areaOf([[[...square].reverse(), hole], [hole]])).toBe(600);
  expect(areaOf([])).toBe(0);
});

test("a box around regions is as they lie", () => {
  expect(boxOf([[hole], [square]])).toEqual({ left: 10, top: 20, right: 30, bottom: 50 });
});

test("a rectangle is the same from any two corners that face each other", () => {
  expect(areaOf([[rectangle([30, 50], [10, 20])]])).toBe(areaOf([[rectangle([10, 20], [30, 50])]]));
});

test("a hand-drawn circle keeps its area within one in a hundred with a tenth of the corners", () => {
  const line: Ring = Array.from({ length: 720 }, (_, at) => {
    const angle = (at / 720) * 2 * Math.PI;
    return [500 + 200 * Math.cos(angle), 300 + 200 * Math.sin(angle)];
  });
  const fewer = simplified(line, 1);
  expect(fewer.length).toBeLessThan(72);
  expect(Math.abs(areaOf([[fewer]]) / areaOf([[line]]) - 1)).toBeLessThan(0.01);
});

test("corners on a straight line say nothing", () => {
  const line: Ring = [[0, 0], [5, 0], [10, 0], [10, 5], [10, 10], [0, 10], [0, 5]];
  expect(areaOf([[simplified(line, 0.1)]])).toBe(100);
  expect(simplified(line, 0.1).length).toBeLessThan(6);
});

test("a line by hand takes a place only where the pointer moved on the screen", () => {
  expect(isApart([], [0, 0], 1)).toBe(true);
  expect(isApart([[0, 0]], [1, 0], 1)).toBe(false);
  expect(isApart([[0, 0]], [1, 0], 4)).toBe(true);
});
