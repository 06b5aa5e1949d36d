// The panel beside the slide: whose predictions are shown, what the marks mean, one cell's own.

import "./points.css";
import { fill, h } from "./dom";
import { traceShape } from "./expressions";
import { DOUBT_COLOUR, SIGNS } from "./point-canvas";
import { NOT_COUNTED, signAt } from "./point-index";
import type { PointHeader, PointTable } from "./point-table";
import { doubtOf } from "./point-table";
import { s } from "./svg";

const PARTS: Record<string, string> = {
  "hold-out": "its case was held out of training",
  train: "its case was trained on",
  validation: "its case chose when training stopped",
  new: "its case is new to the run",
};
const REASONS: Record<string, string> = {
  near_edge: "at the edge of the slide",
  out_of_focus: "out of focus",
  labelled_other: "labelled no tumour cell",
  called_other: "called no tumour cell",
  outside_region: "outside the regions",
};

/** Which run and which network predicted, in one line. */
export function modelWords({ run, model, part }: PointHeader): string {
  const where = PARTS[part] ? `; ${PARTS[part]}` : "";
  return `Run ${run}${model ? `, network ${model}` : ""}${where}`;
}

/** What is hidden and why, or null where nothing is. */
export function hiddenWords({ n, n_all, is_disclosed, run }: PointHeader): string | null {
  const n_hidden = n_all - n;
  if (!n_hidden) return null;
  const cells = n ? `${count(n_hidden)} of ${count(n_all)}` : `All ${count(n_all)}`;
  if (is_disclosed) return `${cells} predictions are hidden: their cells wait for your label.`;
  return `Run ${run} predicted cells of this slide. ${cells} predictions are hidden, so that they do not lead you; each shows once you have labelled its cell.`;
}

/** What a prediction says of one cell, as terms and values. */
export function cellWords(table: PointTable, row: number): [string, string][] {
  const probability = table.probability[row]!;
  const doubt = doubtOf(probability);
  const sign = signAt(table, row);
  const reason = table.header.reasons[table.reason[row]!] ?? "";
  const called = table.reason[row] ? levelSign(table, row) : sign;
  return [
    ["Call", titleOf(table.header, called)],
    ["Positive", `${(100 * probability).toFixed(probability > 0.995 || probability < 0.005 ? 1 : 0)} % probable`],
    ["Doubt", `${doubtWord(doubt)} (${doubt.toFixed(2)})`],
    ...(reason ? [["Counts", `no: ${REASONS[reason] ?? reason}`] as [string, string]] : []),
    ["By", modelWords(table.header)],
  ];
}

/** The marks and what they mean. */
export function legend(header: PointHeader, on: { calls: boolean; doubt: boolean }): HTMLElement {
  const rows: HTMLElement[] = [];
  const shown = header.has_levels ? [0, 1, 2, 3, NOT_COUNTED] : [0, 3, NOT_COUNTED];
  if (on.calls) {
    for (const at of shown) rows.push(h("li", {}, markOf(at), titleOf(header, at)));
  }
  if (on.doubt) {
    for (const [doubt, words] of [[0.3, "Some doubt"], [1, "Undecided"]] as const) {
      rows.push(h("li", {}, ringOf(doubt), words));
    }
  }
  return h("ul", { className: "points-legend", aria: { label: "Marks" } }, ...rows);
}

/** Show what is known of one cell. */
export function showCell(root: HTMLElement, table: PointTable, row: number): void {
  const terms = cellWords(table, row).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]);
  fill(root, h("b", {}, "Prediction of the selected cell"), h("dl", {}, ...terms));
}

export function count(n: number): string {
  return n.toLocaleString("en");
}

function levelSign({ level, header }: PointTable, row: number): number {
  return header.has_levels ? level[row]! : level[row]! && 3;
}

function titleOf({ has_levels }: PointHeader, sign: number): string {
  if (sign === NOT_COUNTED) return "Does not count";
  return !has_levels && sign ? "Positive" : SIGNS[sign]!.title;
}

function doubtWord(doubt: number): string {
  if (doubt > 0.6) return "undecided";
  return doubt > 0.2 ? "some doubt" : "sure";
}

function markOf(at: number): SVGSVGElement {
  const sign = SIGNS[at]!;
  const d = pathOf(sign.shape);
  return s("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, s("path", { d, fill: sign.colour }));
}

function ringOf(doubt: number): SVGSVGElement {
  const circle = s("circle", {
    r: 7, fill: "none", stroke: DOUBT_COLOUR,
    "stroke-width": 1 + 3 * doubt, "stroke-opacity": 0.35 + 0.65 * doubt,
  });
  return s("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, circle);
}

function pathOf(shape: (typeof SIGNS)[number]["shape"]): string {
  const steps: string[] = [];
  traceShape(
    {
      moveTo: (x, y) => void steps.push(`M${x} ${y}`),
      lineTo: (x, y) => void steps.push(`L${x} ${y}`),
      arc: (x, y, r) => {
        steps.push(`M${x - r} ${y}A${r} ${r} 0 1 1 ${x + r} ${y}A${r} ${r} 0 1 1 ${x - r} ${y}`);
      },
      closePath: () => void steps.push("Z"),
    },
    shape, 0, 0, 7,
  );
  return steps.join("");
}
