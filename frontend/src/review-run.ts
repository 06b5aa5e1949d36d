// One kind of cells of a run: the list, the cell that is looked at, and the keys between them.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";
import { EXPRESSIONS } from "./expressions";
import type { components } from "./openapi";
import { type Expression, newId } from "./outbox";
import { type CellActs, showCell } from "./review-cell";
import {
  type Filters,
  filtersFrom,
  mayBeAsked,
  neighbour,
  paramsOf,
  type ReviewCell,
  shownCells,
} from "./review-filter";
import { emptyState } from "./review-gate";
import { cellList, filterBar } from "./review-list";
import { pickedCells } from "./review-queue";

type Review = components["schemas"]["ReviewOut"];
type CellKind = "errors" | "doubtful" | "uncertain";

export interface Asked {
  run: components["schemas"]["RunStateOut"];
  kind: CellKind;
  params: URLSearchParams;
}

const NOTHING: Record<CellKind, string> = {
  errors: "The run calls every cell as its label says.",
  doubtful: "No label is in doubt.",
  uncertain: "No right call is uncertain.",
};

/** Show the cells of one kind; what it returns is called when they are left. */
export async function reviewOf(place: HTMLElement, app: App, { run, kind, params }: Asked): Promise<() => void> {
  const query = { params: { query: { run: run.run_id } } };
  const review: Review = await asked(
    kind === "errors"
      ? app.api.GET("/api/review/errors", query)
      : kind === "doubtful"
        ? app.api.GET("/api/review/doubtful", query)
        : app.api.GET("/api/review/uncertain", query),
  );
  if (!review.cells.length) {
    fill(place, notices(review), emptyState("Nothing to look at", NOTHING[kind], null, null));
    return () => {};
  }
  const readers = [...new Set(review.cells.flatMap((cell) => cell.said.map((one) => one.reader)))].sort();
  const reader = app.session.reader;
  let filters: Filters = filtersFrom(params);
  let cells = shownCells(review.cells, filters, reader);
  let now: ReviewCell | null =
    cells.find((cell) => cell.cell_id === params.get("cell")) ?? cells[0] ?? null;
  let isLabelling = false;

  const detail = h("article", { className: "review-cell", aria: { live: "off" } });
  const count = h("p", { className: "review-count" });
  const bar = h("div");
  const picked = pickedCells(app, review.run_id, readers.includes(reader) ? readers : [...readers, reader], (changed) => {
    for (const cell of changed) list.refresh(cell);
    show();
  });
  const list = cellList(review, reader, (cell) => look(cell, false), picked.has);

  const show = (): void => {
    if (now) showCell(detail, app, review, now, acts);
    else fill(detail, emptyState("No cell is left", "Choose fewer filters above.", null, null));
  };
  const look = (cell: ReviewCell | null, focus: boolean): void => {
    now = cell;
    isLabelling = false;
    list.select(cell?.cell_id ?? null, focus);
    app.note({ cell: cell?.cell_id ?? null });
    show();
    detail.scrollTop = 0;
    if (cell) {
      const at = cells.indexOf(cell) + 1;
      app.say(`cell ${at} of ${cells.length}: ${cell.sentence} labelled ${cell.label}, called ${cell.call}`);
    }
  };
  const step = (by: number): void => look(neighbour(cells, now?.cell_id ?? null, by), true);
  const filterAgain = (next: Filters): void => {
    filters = next;
    cells = shownCells(review.cells, filters, reader);
    app.note(paramsOf(filters));
    fill(bar, filterBar(review.cells, filters, filterAgain));
    count.textContent = countWords(cells.length, review);
    list.show(cells);
    look(cells.find((cell) => cell.cell_id === now?.cell_id) ?? cells[0] ?? null, false);
  };
  const acts: CellActs = {
    judge: (isConfirmed, note) => now && void judge(app, review, now, isConfirmed, note, told),
    pick: () => {
      if (now && mayBeAsked(now)) picked.toggle(now);
      else app.say("this cell is held out, so it is not asked again", "problem");
    },
    isPicked: picked.has,
    label: (expression) => now && void relabel(app, now, expression, told),
    get isLabelling() {
      return isLabelling;
    },
    setLabelling: (isOn) => {
      isLabelling = isOn;
      show();
    },
  };
  const told = (cell: ReviewCell, words: string): void => {
    const at = review.cells.findIndex(({ cell_id }) => cell_id === cell.cell_id);
    review.cells[at] = cell;
    cells = cells.map((one) => (one.cell_id === cell.cell_id ? cell : one));
    if (now?.cell_id === cell.cell_id) now = cell;
    list.refresh(cell);
    show();
    app.say(words);
  };
  const unbind = bindKeys(app, acts, step, () => now);
  fill(
    place,
    notices(review),
    bar,
    h("div", { className: "review-body" }, h("div", { className: "review-side" }, count, list.element), detail),
    picked.element,
  );
  filterAgain(filters);
  return unbind;
}

function bindKeys(
  app: App,
  acts: CellActs,
  step: (by: number) => void,
  now: () => ReviewCell | null,
): () => void {
  const cell = (run: (cell: ReviewCell) => void) => () => {
    const it = now();
    if (it) run(it);
  };
  const canJudge = (it: ReviewCell): boolean => it.status !== "not_asked";
  const verdict = (said: boolean) =>
    cell((it) => canJudge(it) && acts.judge(said, noteNow()));
  return app.keys.bind("Review", [
    { code: "ArrowDown", shown: "↓", does: "next cell", repeats: true, run: () => step(1) },
    { code: "ArrowUp", shown: "↑", does: "cell before", repeats: true, run: () => step(-1) },
    { code: "KeyC", shown: "C", does: "confirm the cause", run: verdict(true) },
    { code: "KeyR", shown: "R", does: "reject the cause", run: verdict(false) },
    { code: "KeyU", shown: "U", does: "take your judgement back", run: cell(() => acts.judge(null, "")) },
    { code: "KeyA", shown: "A", does: "ask this cell again, or not", run: cell(() => acts.pick()) },
    { code: "KeyL", shown: "L", does: "label keys on or off", run: () => acts.setLabelling(!acts.isLabelling) },
    ...EXPRESSIONS.flatMap((sign) =>
      sign.codes.map((code) => ({
        code,
        shown: sign.key,
        does: `${sign.title} (after L)`,
        run: () => {
          if (acts.isLabelling) acts.label(sign.expression);
        },
      })),
    ),
  ]);
}

function noteNow(): string {
  return document.querySelector<HTMLInputElement>(".review-note")?.value ?? "";
}

async function judge(
  app: App,
  review: Review,
  cell: ReviewCell,
  isConfirmed: boolean | null,
  note: string,
  told: (cell: ReviewCell, words: string) => void,
): Promise<void> {
  try {
    const judged = await asked(
      app.api.POST("/api/review/judgements", {
        body: {
          run: review.run_id,
          cell_id: cell.cell_id,
          cause: cell.cause as components["schemas"]["CauseName"],
          is_confirmed: isConfirmed,
          note,
        },
      }),
    );
    const words = isConfirmed === null ? "taken back" : isConfirmed ? "confirmed" : "rejected";
    told(judged, `${cell.cause_name}: ${words}, saved`);
  } catch (error) {
    app.say(error instanceof ApiError ? error.message : String(error), "problem");
  }
}

async function relabel(
  app: App,
  cell: ReviewCell,
  expression: Expression,
  told: (cell: ReviewCell, words: string) => void,
): Promise<void> {
  const { cell_id, slide_id, x_l0, y_l0 } = cell;
  await app.outbox.add([
    {
      label_id: newId(),
      cell: { cell_id, slide_id, x_l0, y_l0 },
      expression,
      made_at: new Date().toISOString(),
      mode: "review",
      act_id: newId(),
    },
  ]);
  const others = cell.said.filter((one) => one.reader !== app.session.reader);
  const said = [...others, { reader: app.session.reader, expression }].sort((a, b) =>
    a.reader.localeCompare(b.reader),
  );
  told({ ...cell, said }, `labelled ${expression.replace("_", " ")}; the next run learns from it`);
}

function notices(review: Review): HTMLElement {
  const words: (HTMLElement | null)[] = [];
  if (!review.is_asked) {
    words.push(
      h(
        "p",
        { className: "review-notice" },
        "Why this run errs was not asked yet, so its wrong calls stand here without causes. A run started on the page ",
        h("a", { href: "#/runs" }, "Runs"),
        " asks by itself; for this one: ",
        h("code", {}, `rimlight causes STUDY --run ${review.run_id}`),
      ),
    );
  }
  if (review.n_hidden) {
    words.push(
      h(
        "p",
        { className: "review-notice" },
        `${review.n_hidden} more wait in your own queue and stay hidden until you have labelled them. `,
        h("a", { href: "#/slides" }, "Label on the slides"),
      ),
    );
  }
  return h("div", {}, ...words);
}

function countWords(n: number, review: Review): string {
  return n === review.n ? `${n} cells` : `${n} of ${review.n} cells`;
}
