// One cell to look at again: its pictures, what was found, what people say, and what can be done.

import type { App } from "./app";
import { fill, h } from "./dom";
import { EXPRESSIONS } from "./expressions";
import type { components } from "./openapi";
import type { Expression } from "./outbox";
import { judgedBy, mayBeAsked, type ReviewCell } from "./review-filter";
import { mark, said } from "./review-mark";
import { strip } from "./review-pictures";

type Review = components["schemas"]["ReviewOut"];

/** What can be done with a cell; each has a key too. */
export interface CellActs {
  judge(isConfirmed: boolean | null, note: string): void;
  pick(): void;
  isPicked(cellId: string): boolean;
  /** Give the cell another label, as the reader who is signed in. */
  label(expression: Expression): void;
  /** Whether keys of labels work now. */
  readonly isLabelling: boolean;
  setLabelling(isOn: boolean): void;
}

const STATUS_WORDS: Record<string, string> = {
  confirmed: "confirmed by an edit",
  map_only: "by the map only: a hint, no edit confirmed it",
  unexplained: "no edit that was tried proves a cause",
  not_asked: "no cause was looked for",
};

/** Fill the place beside the list with one cell. */
export function showCell(
  place: HTMLElement,
  app: App,
  run: Review,
  cell: ReviewCell,
  acts: CellActs,
): void {
  const people = h("div", { className: "review-columns" }, readers(cell), doubts(cell), nearest(cell));
  fill(
    place,
    h(
      "div",
      { className: "review-head" },
      h("h2", {}, cell.sentence),
      h(
        "p",
        { className: "review-facts" },
        said(cell.label),
        ` by the readers, called ${cell.call} by run ${run.run_id} ` +
          `(${(100 * cell.probability).toFixed(0)} % positive). ${capital(STATUS_WORDS[cell.status] ?? "")}.`,
      ),
    ),
    strip(run, cell),
    ...cell.also.map((name) => h("p", { className: "review-also" }, `Confirmed as well: ${name}.`)),
    // Why a label is in doubt is read before it is decided about; else the acts come first.
    cell.is_in_doubt && people,
    judging(app, cell, acts),
    relabelling(cell, acts),
    !cell.is_in_doubt && people,
    where(app, run, cell),
  );
}

function judging(app: App, cell: ReviewCell, acts: CellActs): HTMLElement {
  const own = cell.judged.filter((one) => one.reader === app.session.reader).at(-1);
  const verdict = judgedBy(cell, app.session.reader);
  const isAsked = cell.status !== "not_asked";
  const note = h("input", {
    className: "review-note",
    maxLength: 500,
    placeholder: "Note, if you like",
    value: own?.note ?? "",
    aria: { label: "Note on this cause" },
  });
  const button = (text: string, key: string, isOn: boolean, run: () => void, isOff = false) =>
    h(
      "button",
      { type: "button", onclick: run, disabled: isOff, aria: { pressed: String(isOn), keyshortcuts: key } },
      text,
      h("kbd", {}, key),
    );
  const picked = acts.isPicked(cell.cell_id);
  return h(
    "div",
    { className: "review-acts" },
    button("✓ Confirm cause", "C", verdict === true, () => acts.judge(true, note.value), !isAsked),
    button("✗ Reject cause", "R", verdict === false, () => acts.judge(false, note.value), !isAsked),
    verdict !== null && button("Take back", "U", false, () => acts.judge(null, "")),
    isAsked && note,
    button(picked ? "− Not to ask again" : "+ Ask again", "A", picked, acts.pick, !mayBeAsked(cell)),
    !mayBeAsked(cell) &&
      h(
        "p",
        { className: "review-why-not" },
        "Held out: the run is measured on this cell. Look at it, but it is not asked again: a study " +
          "that mends what its held-out cells got wrong has no held-out cells any more.",
      ),
    ...cell.judged
      .filter((one) => one.reader !== app.session.reader || one.note)
      .map((one) =>
        h(
          "p",
          { className: "review-judged" },
          `${one.reader} ${one.is_confirmed ? "confirmed" : "rejected"} it on ${day(one.at)}` +
            (one.note ? `: “${one.note}”` : ""),
        ),
      ),
  );
}

function relabelling(cell: ReviewCell, acts: CellActs): HTMLElement {
  const open = h(
    "button",
    {
      type: "button",
      onclick: () => acts.setLabelling(!acts.isLabelling),
      aria: { expanded: String(acts.isLabelling), keyshortcuts: "L" },
    },
    "Give it another label",
    h("kbd", {}, "L"),
  );
  if (!acts.isLabelling) return h("div", { className: "review-relabel" }, open);
  return h(
    "div",
    { className: "review-relabel", aria: { role: "group", label: "Your label of this cell" } },
    open,
    ...EXPRESSIONS.map((sign) =>
      h(
        "button",
        { type: "button", onclick: () => acts.label(sign.expression) },
        mark(sign.expression),
        sign.title,
        h("kbd", {}, sign.key),
      ),
    ),
    h(
      "p",
      { className: "review-why-not" },
      "Your own label, kept beside those of the others and marked as given with the model seen. " +
        (cell.is_held_out
          ? "This cell is held out: correct a plain slip, never a doubt that only the model raised."
          : ""),
    ),
  );
}

function readers(cell: ReviewCell): HTMLElement {
  return h(
    "section",
    {},
    h("h3", {}, "What readers say now"),
    cell.said.length
      ? h(
          "ul",
          { className: "review-readers" },
          ...cell.said.map((one) => h("li", {}, h("b", {}, one.reader), said(one.expression))),
        )
      : h("p", {}, "No reader has labelled this cell."),
  );
}

function doubts(cell: ReviewCell): HTMLElement | null {
  if (cell.doubt === null && !cell.evidence.length) return null;
  return h(
    "section",
    {},
    h("h3", {}, "Why the label may be wrong"),
    cell.doubt === null
      ? null
      : h("p", {}, `Doubt ${cell.doubt.toFixed(2)} of 1; it ranks labels and is no probability.`),
    h("ul", {}, ...cell.evidence.map((reason) => h("li", {}, reason))),
    cell.evidence.length ? null : h("p", {}, "Not among the 50 labels most in doubt."),
  );
}

function nearest(cell: ReviewCell): HTMLElement | null {
  if (!cell.nearest.length) return null;
  const counts = new Map<string, number>();
  for (const { expression } of cell.nearest) {
    counts.set(expression, (counts.get(expression) ?? 0) + 1);
  }
  return h(
    "section",
    {},
    h("h3", {}, `The ${cell.nearest.length} training cells most like it`),
    h(
      "ul",
      { className: "review-readers" },
      ...[...counts].map(([expression, n]) => h("li", {}, h("b", {}, `${n}`), said(expression))),
    ),
  );
}

function where(app: App, run: Review, cell: ReviewCell): HTMLElement {
  return h(
    "p",
    { className: "review-where" },
    h(
      "a",
      { href: `#/slide?${slideQuery(run, cell)}` },
      "Look at it on the slide",
    ),
    ` · case ${cell.case_id} · slide ${cell.slide_id} · cell ${cell.cell_id} · ` +
      `${cell.is_held_out ? "held out" : `${cell.part} cell`} · model of run ${run.run_id} · ` +
      `reader ${app.session.reader}`,
  );
}

function slideQuery(run: Review, cell: ReviewCell): string {
  return new URLSearchParams({
    id: cell.slide_id,
    x: cell.x_l0.toFixed(0),
    y: cell.y_l0.toFixed(0),
    um: "120",
    run: run.run_id,
    cell: cell.cell_id,
  }).toString();
}

/** The date of a moment of the server, as people write it. */
export function day(at: string): string {
  const moment = new Date(at);
  return Number.isNaN(moment.getTime()) ? at : moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
