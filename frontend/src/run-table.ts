// The runs of the study as a table: state, figures on held-out cells, report, two chosen to compare.

import type { App } from "./app";
import { h } from "./dom";
import { intervalWords, stateWords, whenWords, type Run } from "./run-words";

/** The table; chosen runs are kept in `chosen` over a redraw. */
export function runTable(app: App, runs: Run[], chosen: Set<string>): HTMLElement {
  if (!runs.length) return h("p", {}, "There is no run yet.");
  const compare = h("button", { type: "button", className: "runs-act" }, "Compare two runs");
  const hint = h("span", { className: "runs-quiet" });
  const tell = (): void => {
    const [first, second] = pair(chosen);
    compare.disabled = !second;
    compare.textContent = second ? `Compare run ${first} with run ${second}` : "Compare two runs";
    hint.textContent = second ? "" : chosen.size === 1 ? "Choose one more run." : "Choose two runs in the table.";
  };
  compare.onclick = () => {
    const [first, second] = pair(chosen);
    if (first && second) app.go("compare", { a: first, b: second });
  };
  const isOwner = app.session.role === "owner";
  const rows = runs.map((run) => {
    const box = h("input", {
      type: "checkbox",
      checked: chosen.has(run.run_id),
      disabled: !run.n_cells,
      aria: { label: `choose run ${run.run_id} to compare` },
    });
    box.onchange = () => {
      if (box.checked) chosen.add(run.run_id);
      else chosen.delete(run.run_id);
      for (const [at, one] of [...chosen].entries()) if (chosen.size - at > 2) chosen.delete(one);
      for (const other of table.querySelectorAll<HTMLInputElement>("input[type=checkbox]")) {
        other.checked = chosen.has(other.value);
      }
      tell();
    };
    box.value = run.run_id;
    return h(
      "tr",
      {},
      isOwner ? h("td", { className: "runs-choose" }, h("label", {}, box)) : null,
      h("th", { scope: "row" }, run.run_id, run.name ? h("span", { className: "runs-name" }, run.name) : null),
      h("td", {}, whenWords(run.started_at)),
      h("td", {}, stateWords(run.state)),
      h("td", { className: "runs-number" }, run.n_cells ? intervalWords(run.figures["accuracy"]) : "\u2013"),
      h("td", { className: "runs-number" }, run.n_cells ? intervalWords(run.figures["f1"]) : "\u2013"),
      h("td", { className: "runs-number" }, run.n_cells ? `${run.n_cells} cells, ${run.n_cases} cases` : "\u2013"),
      h("td", { className: "runs-links" }, ...links(run, isOwner)),
    );
  });
  const heads = ["Run", "Started", "State", "Accuracy", "F1", "Held out", "Look at"];
  const head = h("tr", {}, isOwner ? h("th", { scope: "col" }, "Choose") : null, ...heads.map((text) => h("th", { scope: "col" }, text)));
  const table = h("table", { className: "runs-table" }, h("thead", {}, head), h("tbody", {}, ...rows));
  tell();
  const isShaky = runs.some((run) => run.n_cells && run.n_cases < 10);
  return h(
    "div",
    {},
    h("div", { className: "runs-scroll", tabIndex: 0, aria: { role: "region", label: "Table of runs" } }, table),
    h("p", { className: "runs-quiet" }, "In brackets the interval of 95 %, over cases, on cells of cases that the run had not seen.", isShaky ? " Under 10 cases an interval is narrower than it should be." : ""),
    isOwner && runs.length > 1 ? h("p", { className: "runs-compare" }, compare, hint) : null,
  );
}

function links(run: Run, isOwner: boolean): (HTMLElement | string)[] {
  if (!isOwner) return ["\u2013"];
  const found: HTMLElement[] = [];
  if (run.has_report) found.push(h("a", { href: `#/runs?run=${run.run_id}`, aria: { label: `report of run ${run.run_id}` } }, "Report"));
  if (run.steps.includes("evaluation")) found.push(h("a", { href: `#/review?run=${run.run_id}`, aria: { label: `review of run ${run.run_id}` } }, "Review"));
  return found.length ? found : ["\u2013"];
}

/** The older of two runs first. */
function pair(chosen: Set<string>): [string?, string?] {
  const both = [...chosen].sort((a, b) => Number(a) - Number(b));
  return both.length === 2 ? [both[0], both[1]] : [];
}
