// The drawings of agreement: values with intervals on one axis, and which levels met.

import { axisOf, type Row, type Scale, textOf } from "./agreement-figures";
import { h } from "./dom";
import { s } from "./svg";

const LABEL = 330;
const AXIS = 300;
const TEXT = 150;
const ROW = 23;

/** Values with their intervals, one line a row; differences have their number alone. */
export function dotPlot(rows: Row[], isShare: boolean, title: string): SVGSVGElement {
  const { low, high } = axisOf(rows);
  const x = (value: number): number => LABEL + (AXIS * (Math.max(low, value) - low)) / (high - low);
  const height = ROW * rows.length + 34;
  const drawn = s("svg", {
    viewBox: `0 0 ${LABEL + AXIS + TEXT} ${height}`,
    class: "agree-plot",
    role: "img",
    "aria-label": `${title}: ${rows.map((row) => `${row.label} ${textOf(row.figure, isShare)}`).join("; ")}`,
  });
  const n = Math.round((high - low) * 10) <= 3 ? 4 : 5;
  for (let at = 0; at <= n; at += 1) {
    const value = low + ((high - low) * at) / n;
    drawn.append(
      s("path", { d: `M${x(value)} 4V${height - 28}`, class: "agree-grid" }),
      s(
        "text",
        { x: x(value), y: height - 12, "text-anchor": "middle", class: "agree-tick" },
        isShare ? `${Math.round(100 * value)} %` : value.toFixed(2).replace(/0$/, ""),
      ),
    );
  }
  rows.forEach((row, at) => {
    const y = ROW * at + 18;
    const isDifference = row.kind === "difference";
    drawn.append(
      s("text", { x: LABEL - 10, y: y + 4, "text-anchor": "end", class: `agree-label agree-${row.kind}` }, shortened(row.label)),
      s("text", { x: LABEL + AXIS + 10, y: y + 4, class: `agree-value agree-${row.kind}` }, textOf(row.figure, isShare, isDifference)),
    );
    const found = row.figure;
    if (isDifference || !found || found.value === null) return;
    if (found.low !== null && found.high !== null) {
      drawn.append(s("path", { d: `M${x(found.low)} ${y}H${x(found.high)}`, class: `agree-span agree-${row.kind}` }));
    }
    drawn.append(point(row, x(found.value), y));
  });
  return drawn;
}

/** A pair is a circle, a mean a diamond, what has the model in it is hollow. */
function point(row: Row, x: number, y: number): SVGElement {
  const name = `agree-point agree-${row.kind}`;
  if (row.kind === "pair" || row.kind === "model") return s("circle", { cx: x, cy: y, r: 5, class: name });
  if (row.kind === "all") return s("rect", { x: x - 5, y: y - 5, width: 10, height: 10, class: name });
  return s("path", { d: `M${x} ${y - 7}l7 7l-7 7l-7 -7z`, class: name });
}

function shortened(text: string): string {
  return text.length > 54 ? `${text.slice(0, 53)}…` : text;
}

/** The same rows as a table that can be read out and copied. */
export function rowTable(rows: Row[], isShare: boolean, caption: string): HTMLTableElement {
  return h(
    "table",
    { className: "agree-table" },
    h("caption", {}, caption),
    h(
      "thead",
      {},
      h("tr", {}, ...["Compared", "Value (95 % interval)", "Cells", "Cases"].map((text) => h("th", { scope: "col" }, text))),
    ),
    h(
      "tbody",
      {},
      ...rows.map((row) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, row.label),
          h("td", {}, textOf(row.figure, isShare, row.kind === "difference"), row.figure && !row.figure.is_reliable ? " unreliable: under 10 cases" : null),
          h("td", {}, row.figure ? row.figure.n_items.toLocaleString("en") : ""),
          h("td", {}, row.figure ? `${row.figure.n_cases}` : ""),
        ),
      ),
    ),
  );
}

/** How often which levels met between two readers; where both said the same is framed. */
export function levelTable(scale: Scale, row: string, column: string, counts: number[][]): HTMLTableElement {
  const most = Math.max(1, ...counts.flat());
  return h(
    "table",
    { className: "agree-levels" },
    h("caption", {}, `Cells by what ${row} (down) and ${column} (across) said`),
    h(
      "thead",
      {},
      h("tr", {}, h("th", { scope: "col" }, `${row} \\ ${column}`), ...scale.levels.map((level) => h("th", { scope: "col" }, level))),
    ),
    h(
      "tbody",
      {},
      ...counts.map((line, at) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, scale.levels[at] ?? ""),
          ...line.map((n, other) => {
            const cell = h("td", { className: at === other ? "agree-same" : "" }, n.toLocaleString("en"));
            const share = Math.sqrt(n / most);
            cell.style.background = at === other ? `rgba(31, 95, 168, ${0.28 * share})` : `rgba(217, 115, 13, ${0.45 * share})`;
            return cell;
          }),
        ),
      ),
    ),
  );
}
