// Two runs on the same held-out cells: what changed, by how much, and which cells.

import "./runs.css";
import "./compare.css";
import { asked } from "./api";
import type { App, Page } from "./app";
import { changedCells } from "./compare-cells";
import { differencePlot } from "./compare-drawing";
import { answerWords, settingWords, subsetWords } from "./compare-words";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import { differenceWords, figureWords, intervalWords, type Run } from "./run-words";

export type Comparison = components["schemas"]["ComparisonOut"];
type Subset = components["schemas"]["SubsetOut"];

const SIGNS = { better: "\u25b2", worse: "\u25bc", "no difference shown": "\u2248", undefined: "\u2013" };

export const page: Page = async (root, app, params) => {
  const back = h("a", { className: "runs-back", href: "#/runs" }, "\u2190 All runs");
  if (app.session.role !== "owner") {
    fill(root, back, h("p", {}, "Runs are compared by owners of the study."));
    return () => {};
  }
  const runs = (await asked(app.api.GET("/api/runs"))).filter((run) => run.n_cells > 0);
  if (runs.length < 2) {
    fill(root, back, h("p", {}, "Two finished runs are needed to compare; there are fewer."));
    return () => {};
  }
  const a = params.get("a") ?? runs[1]!.run_id;
  const b = params.get("b") ?? runs[0]!.run_id;
  const place = h("div");
  fill(root, h("div", { className: "runs-head" }, back, h("h1", {}, "Compare two runs")), choice(app, runs, a, b), place);
  const found = await asked(app.api.GET("/api/runs/compare", { params: { query: { a, b } } }));
  const again = (): void => app.go("compare", { a, b, opened: Date.now() });
  fill(place, summary(found), ...found.subsets.map((one) => subset(found, one)), settings(found), changedCells(app, found, again));
  return () => {};
};

function choice(app: App, runs: Run[], a: string, b: string): HTMLElement {
  const select = (id: string, label: string, chosen: string): [HTMLElement, HTMLSelectElement] => {
    const list = h("select", { id }, ...runs.map((run) => h("option", { value: run.run_id, selected: run.run_id === chosen }, run.name ? `${run.run_id}, ${run.name}` : run.run_id)));
    return [h("div", { className: "runs-field" }, h("label", { htmlFor: id }, label), list), list];
  };
  const [first, ofFirst] = select("compare-a", "First run", a);
  const [second, ofSecond] = select("compare-b", "Second run", b);
  const go = h("button", { type: "button", className: "runs-act" }, "Compare");
  go.onclick = () => {
    if (ofFirst.value === ofSecond.value) app.say("choose two different runs", "problem");
    else app.go("compare", { a: ofFirst.value, b: ofSecond.value });
  };
  return h("div", { className: "compare-choice" }, first, second, go);
}

/** The answer first: which is better, on how many cells, and how the calls moved. */
function summary(found: Comparison): HTMLElement {
  const parts = [
    { n: found.both_right, name: "both right", kind: "right", sign: "\u2713\u2713" },
    { n: found.mended, name: `only ${found.second.run_id} right`, kind: "mended", sign: "\u2717\u2713" },
    { n: found.broken, name: `only ${found.first.run_id} right`, kind: "broken", sign: "\u2713\u2717" },
    { n: found.both_wrong, name: "both wrong", kind: "wrong", sign: "\u2717\u2717" },
  ];
  const words = parts.map(({ n, name }) => `${n} ${name}`).join(", ");
  const bar = h("div", { className: "compare-bar", aria: { role: "img", label: words } });
  for (const { n, kind } of parts) {
    const part = h("span", { data: { kind } });
    part.style.flexGrow = String(n);
    if (n > 0) bar.append(part);
  }
  const legend = parts.map(({ n, name, kind, sign }) =>
    h("li", { data: { kind } }, h("span", { className: "compare-key", aria: { hidden: "true" } }, sign), h("b", {}, n.toLocaleString("en")), ` ${name}`),
  );
  return h(
    "section",
    { className: "runs-card" },
    h("p", { className: "compare-answer" }, answerWords(found)),
    bar,
    h("ul", { className: "compare-legend" }, ...legend),
    h("p", { className: "runs-quiet" }, subsetWords(found)),
  );
}

function subset(found: Comparison, one: Subset): HTMLElement {
  const title = one.name === "all" ? "All cells" : "Cells whose neighbours disagree with them: the hard ones";
  const size = h("p", { className: "runs-quiet" }, `${one.n_cells} cells of ${one.n_cases} cases. `, one.reason ? `No verdict: ${one.reason}.` : "");
  if (!one.figures.length) return h("section", {}, h("h2", {}, title), size);
  const heads = ["Figure", `Run ${found.first.run_id}`, `Run ${found.second.run_id}`, "Second minus first", "Shown?"];
  const rows = one.figures.map((figure) => {
    const shown = differenceWords(figure.difference);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, figureWords(figure.name)),
      h("td", { className: "runs-number" }, intervalWords(figure.first)),
      h("td", { className: "runs-number" }, intervalWords(figure.second)),
      h("td", { className: "runs-number" }, intervalWords(figure.difference, true)),
      h("td", { className: "compare-shown", data: { shown } }, h("span", { aria: { hidden: "true" } }, `${SIGNS[shown]} `), shown),
    );
  });
  const table = h("table", { className: "runs-table" }, h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, ...rows));
  return h(
    "section",
    {},
    h("h2", {}, title),
    size,
    h("div", { className: "compare-subset" }, h("div", { className: "runs-scroll", tabIndex: 0, aria: { role: "region", label: title } }, table), differencePlot(one.figures)),
  );
}

function settings(found: Comparison): HTMLElement {
  const lines = settingWords(found);
  return h("section", {}, h("h2", {}, "What was different"), h("ul", {}, ...lines.map((line) => h("li", {}, line))));
}
