// Differences of figures with their intervals around the line of no difference.

import type { components } from "./openapi";
import { figureWords, intervalWords } from "./run-words";
import { s } from "./svg";

type Compared = components["schemas"]["ComparedOut"];

const LABEL = 92;
const AXIS = 300;
const ROW = 26;

/** One line a figure; right of the middle the second run is better. */
export function differencePlot(figures: Compared[]): SVGSVGElement {
  const end = plotEnd(figures);
  const x = (value: number): number => LABEL + (AXIS * (Math.max(-end, Math.min(end, value)) + end)) / (2 * end);
  const height = ROW * figures.length + 44;
  const drawn = s("svg", {
    viewBox: `0 0 ${LABEL + AXIS + 12} ${height}`,
    class: "compare-plot",
    role: "img",
    "aria-label": `Differences: ${figures.map((one) => `${figureWords(one.name)} ${intervalWords(one.difference, true)}`).join("; ")}`,
  });
  drawn.append(s("path", { d: `M${x(0)} 4V${height - 38}`, class: "compare-zero" }));
  figures.forEach((one, at) => {
    const y = ROW * at + 20;
    drawn.append(s("text", { x: LABEL - 8, y: y + 4, "text-anchor": "end" }, figureWords(one.name)));
    const { value, low, high } = one.difference;
    if (value === null) return;
    if (low !== null && high !== null) drawn.append(s("path", { d: `M${x(low)} ${y}H${x(high)}`, class: "compare-span" }));
    drawn.append(s("path", { d: `M${x(value)} ${y - 6}l6 6l-6 6l-6 -6z`, class: "compare-point" }));
  });
  for (const value of [-end, 0, end]) {
    const text = value === 0 ? "0" : `${value < 0 ? "\u2212" : "+"}${end}`;
    drawn.append(s("text", { x: x(value), y: height - 22, "text-anchor": value < 0 ? "start" : value > 0 ? "end" : "middle", class: "compare-tick" }, text));
  }
  drawn.append(
    s("text", { x: LABEL, y: height - 6, class: "compare-tick" }, "\u25c0 first is better"),
    s("text", { x: LABEL + AXIS, y: height - 6, "text-anchor": "end", class: "compare-tick" }, "second is better \u25b6"),
  );
  return drawn;
}

/** A round number that reaches as far as every interval. */
export function plotEnd(figures: Compared[]): number {
  const most = Math.max(0, ...figures.flatMap(({ difference: it }) => [it.value, it.low, it.high].map((n) => Math.abs(n ?? 0))));
  return [0.02, 0.05, 0.1, 0.2, 0.5].find((end) => end >= most) ?? 1;
}
