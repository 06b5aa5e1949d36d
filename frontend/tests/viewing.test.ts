import { expect, test } from "vitest";
import { motionOf } from "../src/gamepad";
import { layersOf } from "../src/layers";
import { magnificationOf, shownMagnification, umPerPxAt } from "../src/magnification";
import { wheelStep } from "../src/pan";
import { barLength_um, shownLength } from "../src/scalebar";
import { foundByCase, sizeOf, stepOf } from "../src/slides";
import { placeOf } from "../src/view-state";
import type { Slide } from "../src/app";

const turn = (deltaY: number, more = {}) =>
  ({ deltaX: 0, deltaY, deltaMode: 0, ctrlKey: false, shiftKey: false, ...more });

test("ten times magnified is one micrometre a pixel, and the way back gives the same", () => {
  expect(magnificationOf(1)).toBe(10);
  expect(magnificationOf(umPerPxAt(40))).toBe(40);
  expect(umPerPxAt(20)).toBe(0.5);
});

test("a magnification is written with two digits", () => {
  expect([39.7, 40, 9.96, 2.345, 0.5].map(shownMagnification)).toEqual([
    "40x", "40x", "10x", "2.3x", "0.5x",
  ]);
});

test("the scale bar is the longest round length that fits", () => {
  expect(barLength_um(1, 180)).toBe(100);
  expect(barLength_um(1, 200)).toBe(200);
  expect(barLength_um(0.25, 180)).toBe(20);
  expect(barLength_um(0.05, 180)).toBe(5);
  expect(barLength_um(30, 180)).toBe(5000);
  for (let umPerPx = 0.01; umPerPx < 100; umPerPx *= 1.07) {
    const um = barLength_um(umPerPx, 180);
    expect(um / umPerPx).toBeLessThanOrEqual(180.0001);
    expect(um / umPerPx).toBeGreaterThan(180 / 2.51);
  }
});

test("a length is written in micrometres up to a millimetre", () => {
  expect([0.5, 20, 500, 1000, 2000].map(shownLength)).toEqual([
    "0.5 µm", "20 µm", "500 µm", "1 mm", "2 mm",
  ]);
});

test("the wheel magnifies forward or backward as chosen, or pans", () => {
  const forward = wheelStep(turn(-100), "forward");
  const backward = wheelStep(turn(-100), "backward");
  expect(forward).toHaveProperty("factor");
  expect((forward as { factor: number }).factor).toBeGreaterThan(1);
  expect((backward as { factor: number }).factor).toBeLessThan(1);
  expect(wheelStep(turn(30, { deltaX: 5 }), "pan")).toEqual({ dx: 5, dy: 30 });
  expect(wheelStep(turn(30, { shiftKey: true }), "pan")).toEqual({ dx: 30, dy: 0 });
});

test("a pinch on a touchpad magnifies in every way of the wheel", () => {
  for (const way of ["forward", "backward", "pan"] as const) {
    const step = wheelStep(turn(-10, { ctrlKey: true }), way);
    expect((step as { factor: number }).factor).toBeGreaterThan(1);
  }
});

test("a wheel that counts lines moves as far as one that counts pixels", () => {
  expect(wheelStep(turn(3, { deltaMode: 1 }), "forward")).toEqual(wheelStep(turn(120), "forward"));
});

test("a stick at rest moves nothing, and a full push pans the same way", () => {
  const buttons = Array.from({ length: 17 }, () => ({ value: 0 }));
  expect(motionOf({ axes: [0.1, -0.1, 0, 0.12], buttons }, 0.016)).toEqual({
    dx: 0, dy: 0, factor: 1,
  });
  const moved = motionOf({ axes: [1, 0, 0, -1], buttons }, 0.1);
  expect(moved.dx).toBeCloseTo(110);
  expect(moved.factor).toBeGreaterThan(1);
});

test("a pad without sticks or with few buttons moves nothing", () => {
  expect(motionOf({ axes: [], buttons: [] }, 0.016)).toEqual({ dx: 0, dy: 0, factor: 1 });
});

test("the URL names a place only by finite numbers, and a width only above 0", () => {
  const of = (text: string) => placeOf(new URLSearchParams(text));
  expect(of("x=10&y=20&um=300")).toEqual({ x_l0: 10, y_l0: 20, um: 300 });
  expect(of("x=0&y=0")).toEqual({ x_l0: 0, y_l0: 0, um: null });
  expect(of("x=10&y=20&um=-1")).toEqual({ x_l0: 10, y_l0: 20, um: null });
  for (const bad of ["", "x=1", "x=NaN&y=2", "x=&y=2", "x=1e999&y=2"]) expect(of(bad)).toBeNull();
});

test("a URL without layers leaves them to habit, and an empty list turns all off", () => {
  expect(layersOf(new URLSearchParams(""))).toBeNull();
  expect(layersOf(new URLSearchParams("layers="))).toEqual(new Set());
  expect(layersOf(new URLSearchParams("layers=dab.labels"))).toEqual(new Set(["dab", "labels"]));
});

const slide = (slide_id: string, case_id: string): Slide => ({
  slide_id, case_id, assay: "SP263", width_l0: 40_000, height_l0: 20_000, mpp: 0.25,
  white: [255, 255, 255], version: "v", n_labels: 0, is_missing: false,
});

test("a search finds slides that hold all its words, by case", () => {
  const all = [slide("a1", "case 1"), slide("a2", "case 1"), slide("b1", "case 2")];
  expect([...foundByCase(all, "").values()].map((each) => each.length)).toEqual([2, 1]);
  expect([...foundByCase(all, "sp263 a2").keys()]).toEqual(["case 1"]);
  expect(foundByCase(all, "zz").size).toBe(0);
});

test("a slide is as large as it is on glass", () => {
  expect(sizeOf(slide("a", "c"))).toBe("10 × 5 mm");
});

test("arrow keys walk over cards as they lie", () => {
  const spots = [0, 100, 200, 0, 120].map((left, at) => ({ left, top: at < 3 ? 0 : 90 }));
  expect(stepOf("ArrowRight", 0, spots)).toBe(1);
  expect(stepOf("ArrowDown", 1, spots)).toBe(4);
  expect(stepOf("ArrowUp", 3, spots)).toBe(0);
  expect(stepOf("ArrowLeft", 0, spots)).toBeNull();
  expect(stepOf("ArrowDown", 4, spots)).toBeNull();
  expect(stepOf("KeyA", 0, spots)).toBeNull();
});
