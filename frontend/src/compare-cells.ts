// The cells that two runs call differently: those that went wrong first.

import type { App } from "./app";
import type { Comparison } from "./compare";
import { h } from "./dom";
import type { components } from "./openapi";
import type { Expression } from "./outbox";
import { openingNotice } from "./review-gate";
import { wordsOf } from "./expressions";
import { slidePath } from "./slide-paths";

type Cell = components["schemas"]["ChangedCellOut"];

const N_FIRST = 24;
const PATCH_UM = 48;

/** Cards of the changed cells; `again` shows the page anew when a run was disclosed. */
export function changedCells(app: App, found: Comparison, again: () => void): HTMLElement {
  const groups = [
    { change: "broken", title: `Wrong in run ${found.second.run_id} only`, cells: found.changed.filter((cell) => cell.change === "broken") },
    { change: "mended", title: `Right in run ${found.second.run_id} only`, cells: found.changed.filter((cell) => cell.change === "mended") },
  ];
  const parts = groups.filter(({ cells }) => cells.length).map(({ title, cells }) => group(title, cells, found));
  const nothing = !found.changed.length && !found.n_hidden ? h("p", {}, "No call has changed.") : null;
  return h("section", {}, h("h2", {}, "Cells that are called differently"), nothing, ...parts, found.n_hidden ? hidden(app, found, again) : null);
}

function group(title: string, cells: Cell[], found: Comparison): HTMLElement {
  const list = h("ul", { className: "compare-cells" }, ...cells.slice(0, N_FIRST).map((cell) => card(cell, found)));
  const more = h("button", { type: "button", className: "compare-more" }, `Show ${cells.length - N_FIRST} more`);
  more.onclick = () => {
    list.append(...cells.slice(N_FIRST).map((cell) => card(cell, found)));
    more.remove();
  };
  return h("section", {}, h("h3", {}, `${title}: ${cells.length}`), list, cells.length > N_FIRST ? more : null);
}

function card(cell: Cell, found: Comparison): HTMLElement {
  const label = wordsOf(cell.expression as Expression);
  const at = { x_l0: String(cell.x_l0), y_l0: String(cell.y_l0), um: String(PATCH_UM), px: "192" };
  const picture = h("img", { src: `${slidePath(cell.slide_id)}/patch.png?${new URLSearchParams(at)}`, alt: `the cell in the middle of ${PATCH_UM} micrometres`, loading: "lazy", width: 144, height: 144 });
  picture.onerror = () => picture.replaceWith(h("span", { className: "compare-gone" }, "its picture cannot be shown"));
  const to = new URLSearchParams({ id: cell.slide_id, x: String(cell.x_l0), y: String(cell.y_l0), um: "120", cell: cell.cell_id, cx: String(cell.x_l0), cy: String(cell.y_l0) });
  return h(
    "li",
    { className: "compare-cell" },
    h(
      "a",
      { href: `#/slide?${to}`, className: "compare-link" },
      picture,
      h("span", {}, "label: ", h("b", {}, label)),
      h("span", {}, `${found.first.run_id}: ${callWords(cell.first_call, cell.first_logit)}`),
      h("span", {}, `${found.second.run_id}: ${callWords(cell.second_call, cell.second_logit)}`),
      h("span", { className: "runs-quiet" }, `slide ${cell.slide_id}`),
    ),
  );
}

/** "positive (+1.3)": the call and how sure it is. */
export function callWords(isPositive: boolean, logit: number): string {
  const sign = logit < 0 ? "\u2212" : "+";
  return `${isPositive ? "positive" : "negative"} (${sign}${Math.abs(logit).toFixed(1)})`;
}

/** Cells without a label of one's own stay hidden until both runs are opened. */
function hidden(app: App, found: Comparison, again: () => void): HTMLElement {
  const closed = [found.first, found.second].find((run) => !run.is_disclosed);
  const many = found.n_hidden === 1 ? "1 more cell is" : `${found.n_hidden} more cells are`;
  const words = h("p", {}, `${many} hidden, so that what a run says of a cell does not lead you before you have labelled it.`);
  if (!closed) return h("div", {}, words, h("p", {}, h("a", { href: "#/slides" }, "They wait for your own label.")));
  return h("div", {}, words, openingNotice(app, closed.run_id, again));
}
