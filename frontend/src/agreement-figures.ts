// Figures of agreement as rows that can be drawn and read: pure.

import type { components } from "./openapi";

export type Scale = components["schemas"]["ComparedScaleOut"];
export type Figure = components["schemas"]["FigureOut"];

/** One line of a figure: who is compared, with what result. */
export interface Row {
  label: string;
  figure: Figure | null;
  kind: "pair" | "model" | "mean" | "model-mean" | "all" | "difference";
}

export const SCALE_TITLES: Record<string, string> = {
  level: "Which level",
  positive: "Positive or negative",
  held_out: "Beside the model",
  scored: "Tumour cell or not",
};

/** How a scale is called on the page. */
export function titleOfScale(scale: Scale): string {
  return SCALE_TITLES[scale.key] ?? scale.what;
}

/** Figures of a scale of which there is a mean, the one that is shown first in front. */
export function figuresOf(scale: Scale): string[] {
  const names = scale.means.map(({ figure }) => figure);
  return [scale.main, ...names.filter((name) => name !== scale.main)];
}

/** PPA and NPA depend on who is the comparator; other figures are the same both ways. */
export function isDirected(figure: string): boolean {
  return figure === "ppa" || figure === "npa";
}

/** The rows of a figure: every pair, then means, all readers at once, and the difference. */
export function rowsOf(scale: Scale, figure: string): Row[] {
  const rows: Row[] = [];
  const seen = new Set<string>();
  for (const pair of scale.pairs) {
    const key = [pair.row, pair.column].sort().join("\n");
    const found = pair.figures[figure];
    if (!found || (!isDirected(figure) && seen.has(key))) continue;
    if (isDirected(figure) && pair.has_model && !pair.row.startsWith("run ")) continue;
    seen.add(key);
    const join = isDirected(figure) ? " against " : " – ";
    rows.push({
      label: `${pair.row}${join}${pair.column}`,
      figure: found,
      kind: pair.has_model ? "model" : "pair",
    });
  }
  rows.sort((a, b) => Number(a.kind === "model") - Number(b.kind === "model"));
  const mean = scale.means.find((row) => row.figure === figure);
  if (mean?.reader_reader) {
    rows.push({ label: `readers, mean of ${count(mean.n_pairs, "pair")}`, figure: mean.reader_reader, kind: "mean" });
  }
  for (const model of mean?.models ?? []) {
    rows.push({
      label: `readers with ${model.model}, mean of ${count(model.n_readers, "reader")}`,
      figure: model.reader_model,
      kind: "model-mean",
    });
    if (model.difference) {
      rows.push({ label: `${model.model} minus readers, on the same cells`, figure: model.difference, kind: "difference" });
    }
  }
  for (const group of scale.groups) {
    for (const [name, found] of Object.entries(group.figures)) {
      if (figure === scale.main || name === figure) {
        const title = scale.figures[name]?.title ?? name;
        rows.push({ label: `${title}, all ${group.group} at once`, figure: found, kind: "all" });
      }
    }
  }
  return rows;
}

/** A figure with its interval, as the report prints it. */
export function textOf(figure: Figure | null, isShare: boolean, isDifference = false): string {
  if (!figure || figure.value === null) return "undefined";
  const sign = isDifference && shown(figure.value, isShare) > 0 ? "+" : "";
  const value = `${sign}${number(figure.value, isShare)}`;
  if (figure.low === null || figure.high === null) return `${value} (no interval)`;
  const [low, high] = [number(figure.low, isShare), number(figure.high, isShare)];
  const text = (low + high).includes("−") ? `${low} to ${high}` : `${low}–${high}`;
  return `${value} (${text})`;
}

function shown(value: number, isShare: boolean): number {
  return Number((isShare ? 100 * value : value).toFixed(isShare ? 1 : 2));
}

function number(value: number, isShare: boolean): string {
  const digits = isShare ? 1 : 2;
  const text = Math.abs(isShare ? 100 * value : value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** What one is: "1 pair", "3 pairs". */
export function count(n: number, thing: string): string {
  return `${n.toLocaleString("en")} ${n === 1 ? thing : `${thing}s`}`;
}

/** The ends of the axis: whole where that is near, below 0 only where a figure is. */
export function axisOf(rows: Row[]): { low: number; high: number } {
  const ends = rows
    .filter((row) => row.kind !== "difference")
    .flatMap(({ figure }) => (figure ? [figure.value, figure.low] : []))
    .filter((value): value is number => value !== null);
  const least = Math.min(...ends, 1);
  const low = least < 0 ? Math.floor(least * 5) / 5 : least > 0.82 ? 0.8 : least > 0.52 ? 0.5 : 0;
  return { low, high: 1 };
}

/** Words for a kappa, after Landis and Koch (1977); they are a habit, not a standard. */
export function kappaWord(value: number): string {
  if (value < 0) return "poor";
  const steps: [number, string][] = [
    [0.2, "slight"],
    [0.4, "fair"],
    [0.6, "moderate"],
    [0.8, "substantial"],
  ];
  return steps.find(([to]) => value <= to)?.[1] ?? "almost perfect";
}
