import { beforeEach, expect, test } from "vitest";
import { createHistory, replay } from "../src/history";
import type { Act, History, Target } from "../src/history";
import type { CellRef, Expression, NewLabel, Outbox } from "../src/outbox";

function fakeOutbox(waiting: NewLabel[] = []): Outbox & { given: NewLabel[] } {
  const ears = new Set<(labels: NewLabel[]) => void>();
  const given: NewLabel[] = [];
  return {
    given,
    nWaiting: 0, nSaved: 0, nRefused: 0, lastSavedAt: null, problem: null, isLasting: true,
    ready: Promise.resolve(),
    async add(labels) {
      given.push(...labels);
      for (const run of ears) run(labels);
    },
    waiting: () => waiting,
    refused: () => [],
    wake: () => {},
    sendRefused: () => Promise.resolve(),
    dropRefused: () => Promise.resolve(),
    onChange: () => () => {},
    onAdded: (run) => (ears.add(run), () => ears.delete(run)),
    onSaved: () => () => {},
  };
}

const cellOf = (cell_id: string): CellRef => ({ cell_id, slide_id: "s1", x_l0: 1, y_l0: 2 });
const at = (history: History, cell_id: string): Target => ({
  cell: cellOf(cell_id),
  before: history.now({ cell_id }, null),
});

let outbox: ReturnType<typeof fakeOutbox>;
let history: History;
beforeEach(() => {
  outbox = fakeOutbox();
  history = createHistory(outbox, () => Promise.resolve([]));
});
const give = (cell: string, expression: Expression): void => void history.give([at(history, cell)], expression, "slide");
const seen = (): [string, Expression | null][] => outbox.given.map(({ cell, expression }) => [cell.cell_id, expression]);

test("to undo is to label again with what stood before, and null where nothing stood", () => {
  give("a", "weak");
  give("a", "strong");
  history.undo();
  expect(history.now({ cell_id: "a" }, null)).toBe("weak");
  history.undo();
  expect(history.now({ cell_id: "a" }, null)).toBeNull();
  expect(seen()).toEqual([["a", "weak"], ["a", "strong"], ["a", "weak"], ["a", null]]);
  expect(history.undo()).toBeNull();
});

test("redo does again what was undone, in the reverse order", () => {
  give("a", "weak");
  give("b", "strong");
  history.undo();
  history.undo();
  history.redo();
  history.redo();
  expect(history.canRedo).toBe(false);
  expect(seen().slice(4)).toEqual([["a", "weak"], ["b", "strong"]]);
  history.undo();
  expect(history.now({ cell_id: "b" }, null)).toBeNull();
});

test("a new label ends what could be done again", () => {
  give("a", "weak");
  history.undo();
  give("b", "weak");
  expect([history.canRedo, history.canUndo]).toEqual([false, true]);
});

test("an act on many cells is undone as one, each cell to its own label before", () => {
  give("a", "weak");
  history.give(["a", "b", "c"].map((cell) => at(history, cell)), "strong", "grid");
  history.undo();
  const undo = outbox.given.slice(-3);
  expect(undo.map(({ cell, expression }) => [cell.cell_id, expression])).toEqual([["a", "weak"], ["b", null], ["c", null]]);
  expect(new Set(undo.map(({ act_id }) => act_id)).size).toBe(1);
  expect(new Set(undo.map(({ undoes }) => undoes))).toEqual(new Set([outbox.given[1]!.act_id]));
});

test("the same label again is no act", () => {
  give("a", "weak");
  expect(history.give([at(history, "a")], "weak", "slide")).toBeNull();
});

test("two hundred acts can all be undone", () => {
  for (let n = 0; n < 200; n += 1) give(`c${n}`, "weak");
  let n_undone = 0;
  while (history.undo()) n_undone += 1;
  expect(n_undone).toBe(200);
});

test("a cell shown twice in an assignment is labelled and undone at each place by itself", () => {
  const place = (number: number, before: Expression | null): Target => ({ cell: cellOf("a"), before, assignment_id: 3, place: number });
  history.give([place(1, null)], "weak", "queue");
  expect(history.now({ cell_id: "a", assignment_id: 3, place: 9 }, null)).toBeNull();
  history.give([place(9, null)], "strong", "queue");
  history.undo();
  expect(history.now({ cell_id: "a", assignment_id: 3, place: 9 }, null)).toBeNull();
  expect(history.now({ cell_id: "a", assignment_id: 3, place: 1 }, null)).toBe("weak");
  expect(outbox.given.at(-1)).toMatchObject({ assignment_id: 3, place: 9, expression: null });
});

const act = (act_id: string, undoes?: string, cell = "a"): Act => ({
  act_id,
  mode: "slide",
  changes: [{ cell: cellOf(cell), before: null, after: "weak" }],
  ...(undoes ? { undoes } : {}),
});

test("after a reload the acts of the server and those that still wait are rebuilt in one row", async () => {
  const waiting: NewLabel = { label_id: "l", cell: cellOf("b"), expression: "strong", before: "weak", made_at: "", mode: "queue", act_id: "w" };
  const later = createHistory(fakeOutbox([waiting]), () => Promise.resolve([act("x"), act("y"), act("z", "y")]));
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  expect(later.now({ cell_id: "b" }, null)).toBe("strong");
  expect(later.undo()?.undoes).toBe("w");
  expect(later.undo()?.undoes).toBe("x");
  expect(later.undo()).toBeNull();
  expect(later.redo()?.undoes).toBe("x");
});

test("an act that the server knows and that still waits counts once", async () => {
  const waiting: NewLabel = { label_id: "l", cell: cellOf("b"), expression: "strong", made_at: "", mode: "queue", act_id: "w" };
  const later = createHistory(fakeOutbox([waiting]), () => Promise.resolve([act("w", undefined, "b")]));
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  expect([later.undo() !== null, later.undo()]).toEqual([true, null]);
});

test("an undo of an act that lies too far back to be known changes nothing else", () => {
  expect(replay([act("a"), act("u", "unknown")])).toEqual({ done: [act("a")], undone: [] });
});
