import { expect, test } from "vitest";
import { axisOf, count, type Figure, figuresOf, kappaWord, rowsOf, type Scale, textOf } from "../src/agreement-figures";

const figure = (value: number | null, low: number | null = null, high: number | null = null): Figure => ({
  value, low, high, n_items: 9, n_cases: 3, n_undefined: 0, is_reliable: true, interval: "",
});
const pair = (row: string, column: string, kappa: number, has_model = false) => ({
  row, column, has_model, n_items: 9, n_cases: 3, undefined: {}, counts: null,
  figures: { kappa: figure(kappa), ppa: figure(kappa / 2) },
});
const SCALE = {
  key: "held_out", what: "", kind: "call", main: "kappa", levels: [], lead: "", n_per_level: null, repeats: [],
  figures: {},
  pairs: [
    pair("run 0001", "anna", 0.6, true), pair("anna", "run 0001", 0.6, true),
    pair("anna", "ben", 0.8), pair("ben", "anna", 0.8),
  ],
  means: [
    {
      figure: "kappa", n_pairs: 1, n_undefined_pairs: 0, reader_reader: figure(0.8),
      models: [{ model: "run 0001", n_readers: 1, reader_reader: null, reader_model: figure(0.6), difference: figure(-0.2, -0.3, 0.1) }],
    },
    { figure: "ppa", n_pairs: 2, n_undefined_pairs: 0, reader_reader: null, models: [] },
  ],
  groups: [{ group: "readers", n_readers: 2, n_complete: 9, n_left_out: 0, figures: { fleiss: figure(0.79) } }],
} as unknown as Scale;

test("a figure that is the same both ways stands once a pair, readers before the model", () => {
  expect(rowsOf(SCALE, "kappa").map(({ label, kind }) => [label, kind])).toEqual([
    ["anna – ben", "pair"],
    ["run 0001 – anna", "model"],
    ["readers, mean of 1 pair", "mean"],
    ["readers with run 0001, mean of 1 reader", "model-mean"],
    ["run 0001 minus readers, on the same cells", "difference"],
    ["fleiss, all readers at once", "all"],
  ]);
});

test("a figure with a comparator stands both ways between readers, and with the model in the row", () => {
  expect(rowsOf(SCALE, "ppa").map(({ label }) => label)).toEqual([
    "anna against ben", "ben against anna", "run 0001 against anna",
  ]);
});

test("the main figure is offered first", () => {
  expect(figuresOf({ ...SCALE, main: "ppa" })).toEqual(["ppa", "kappa"]);
});

test("numbers are written as the report writes them", () => {
  expect(textOf(figure(0.5, 0.4, 0.6), false)).toBe("0.50 (0.40–0.60)");
  expect(textOf(figure(0.5, 0.4, 0.6), true)).toBe("50.0 (40.0–60.0)");
  expect(textOf(figure(0.026, -0.01, 0.05), false, true)).toBe("+0.03 (−0.01 to 0.05)");
  expect(textOf(figure(-0.001, -0.2, -0.1), false, true)).toBe("0.00 (−0.20 to −0.10)");
  expect(textOf(figure(null), false)).toBe("undefined");
  expect(textOf(figure(1), false)).toBe("1.00 (no interval)");
});

test("the axis starts below every value and interval, differences apart", () => {
  const rows = (low: number) => [{ label: "", kind: "pair" as const, figure: figure(0.95, low, 1) }];
  expect(axisOf(rows(0.9)).low).toBe(0.8);
  expect(axisOf(rows(0.6)).low).toBe(0.5);
  expect(axisOf(rows(0.1)).low).toBe(0);
  expect(axisOf(rows(-0.13)).low).toBe(-0.2);
  expect(axisOf([...rows(0.9), { label: "", kind: "difference", figure: figure(-0.5) }]).low).toBe(0.8);
});

test("a kappa has the word of Landis and Koch", () => {
  expect([-0.1, 0.2, 0.21, 0.6, 0.8, 0.81].map(kappaWord)).toEqual([
    "poor", "slight", "fair", "moderate", "substantial", "almost perfect",
  ]);
});

test("one is one and more are more", () => {
  expect([count(1, "pair"), count(1234, "cell")]).toEqual(["1 pair", "1,234 cells"]);
});
