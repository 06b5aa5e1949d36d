// What this reader did, act by act: undo and redo over the whole session, also after a reload.
// Nothing is taken out of the journal: to undo is to label once more with what stood before.

import type { App } from "./app";
import { asked } from "./api";
import { newId } from "./outbox";
import type { CellRef, Expression, Mode, NewLabel, Outbox } from "./outbox";

/** What one act did to one cell; in an assignment, at one place of it. */
export interface Change {
  cell: CellRef;
  before: Expression | null;
  after: Expression | null;
  assignment_id?: number;
  place?: number;
}

export interface Act {
  act_id: string;
  /** The act that this one undoes, or does again if it was undone. */
  undoes?: string;
  mode: Mode;
  changes: Change[];
}

/** Where a label is given: the cell, and the place in an assignment. */
export interface Target {
  cell: CellRef;
  before: Expression | null;
  assignment_id?: number;
  place?: number;
}

export interface History {
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** The own label of a cell: what was given in this browser counts before what the server said. */
  now(target: { cell_id: string; assignment_id?: number; place?: number }, said: Expression | null): Expression | null;
  /** Give one expression to cells, as one act. */
  give(targets: Target[], expression: Expression | null, mode: Mode): Act | null;
  undo(): Act | null;
  redo(): Act | null;
  /** Called at once with every act, of this tab or of another one of the same reader. */
  onAct(run: (act: Act) => void): () => void;
  onChange(run: () => void): () => void;
}

const HISTORY_LENGTH = 1000;
const opened = new WeakMap<Outbox, History>();

/** The history of the reader who is signed in; one a page. */
export function historyOf(app: App): History {
  const known = opened.get(app.outbox);
  if (known) return known;
  const made = createHistory(app.outbox, () => earlierActs(app));
  opened.set(app.outbox, made);
  return made;
}

/** `earlier`: acts that the server knows, oldest first. */
export function createHistory(outbox: Outbox, earlier: () => Promise<Act[]>): History {
  const local: Act[] = [];
  let log: Act[] = [];
  let stacks = replay([]);
  let isLoaded = false;
  let isLoading = false;
  const given = new Map<string, Expression | null>();
  const onActs = new Set<(act: Act) => void>();
  const onChanges = new Set<() => void>();

  function rebuild(): void {
    const ids = new Set(local.map(({ act_id }) => act_id));
    stacks = replay([...log.filter(({ act_id }) => !ids.has(act_id)), ...local]);
    for (const run of onChanges) run();
  }
  function take(labels: NewLabel[]): void {
    for (const act of actsOf(labels)) {
      const last = local.at(-1);
      if (last?.act_id === act.act_id) last.changes.push(...act.changes);
      else local.push(act);
      for (const change of act.changes) given.set(keyOf(change), change.after);
      for (const run of onActs) run(act);
    }
    rebuild();
  }
  async function load(): Promise<void> {
    if (isLoaded || isLoading) return;
    isLoading = true;
    try {
      log = await earlier();
      isLoaded = true;
      rebuild();
    } catch {
      // The server does not answer now; asked again with the next change of the outbox.
    } finally {
      isLoading = false;
    }
  }
  function perform(act: Act): Act {
    void outbox.add(labelsOf(act));
    return act;
  }

  // In place before anything is waited for, so that no act is missed.
  outbox.onAdded(take);
  outbox.onChange(() => void (outbox.problem === null && load()));
  void outbox.ready.then(() => {
    const known = new Set(local.map(({ act_id }) => act_id));
    const left = actsOf(outbox.waiting()).filter(({ act_id }) => !known.has(act_id));
    for (const { changes } of left) {
      for (const one of changes) if (!given.has(keyOf(one))) given.set(keyOf(one), one.after);
    }
    local.unshift(...left);
    rebuild();
    void load();
  });

  return {
    get canUndo() {
      return stacks.done.length > 0;
    },
    get canRedo() {
      return stacks.undone.length > 0;
    },
    now(target, said) {
      const found = given.get(keyOf({ cell: target, ...target }));
      return found === undefined ? said : found;
    },
    give(targets, expression, mode) {
      const changes = targets
        .filter(({ before }) => before !== expression)
        .map((target) => ({ ...target, after: expression }));
      return changes.length ? perform({ act_id: newId(), mode, changes }) : null;
    },
    undo() {
      const last = stacks.done.at(-1);
      return last ? perform(turned(last, last.changes.map(reversed))) : null;
    },
    redo() {
      const last = stacks.undone.at(-1);
      return last ? perform(turned(last, last.changes)) : null;
    },
    onAct: (run) => listen(onActs, run),
    onChange: (run) => listen(onChanges, run),
  };
}

/** What can be undone and what can be done again, latest last, from all acts in their order. */
export function replay(acts: readonly Act[]): { done: Act[]; undone: Act[] } {
  const done: Act[] = [];
  const undone: Act[] = [];
  for (const act of acts) {
    if (!act.undoes) {
      done.push(act);
      undone.length = 0;
    } else if (!moved(done, undone, act.undoes)) moved(undone, done, act.undoes);
  }
  return { done, undone };
}

function moved(from: Act[], to: Act[], act_id: string): boolean {
  const at = from.findLastIndex((act) => act.act_id === act_id);
  if (at >= 0) to.push(...from.splice(at, 1));
  return at >= 0;
}

function turned(act: Act, changes: Change[]): Act {
  return { act_id: newId(), undoes: act.act_id, mode: act.mode, changes };
}

function reversed(change: Change): Change {
  return { ...change, before: change.after, after: change.before };
}

function labelsOf(act: Act): NewLabel[] {
  const made_at = new Date().toISOString();
  return act.changes.map(({ cell, before, after, assignment_id, place }) => ({
    label_id: newId(),
    cell,
    expression: after,
    before,
    made_at,
    mode: act.mode,
    act_id: act.act_id,
    ...(act.undoes ? { undoes: act.undoes } : {}),
    ...(assignment_id === undefined ? {} : { assignment_id }),
    ...(place === undefined ? {} : { place }),
  }));
}

function actsOf(labels: readonly NewLabel[]): Act[] {
  const acts: Act[] = [];
  for (const label of labels) {
    const { cell, before = null, expression, assignment_id, place } = label;
    const change: Change = { cell, before, after: expression };
    if (assignment_id !== undefined) Object.assign(change, { assignment_id, place });
    const last = acts.at(-1);
    if (last?.act_id === label.act_id) last.changes.push(change);
    else acts.push({ act_id: label.act_id, mode: label.mode, changes: [change], ...(label.undoes ? { undoes: label.undoes } : {}) });
  }
  return acts;
}

/** A cell that is shown twice in an assignment is labelled at each place by itself. */
function keyOf(one: { cell: { cell_id: string }; assignment_id?: number | undefined; place?: number | undefined }): string {
  return one.assignment_id === undefined ? one.cell.cell_id : `${one.assignment_id}:${one.place}`;
}

function listen<T>(all: Set<T>, run: T): () => void {
  all.add(run);
  return () => all.delete(run);
}

async function earlierActs(app: App): Promise<Act[]> {
  const query = { limit: HISTORY_LENGTH };
  const acts = await asked(app.api.GET("/api/history", { params: { query } }));
  return acts.reverse().map((act) => ({
    act_id: act.act_id,
    mode: "slide" as const,
    changes: act.labels.map(({ cell, expression, before, assignment_id, place }) => ({
      cell,
      before,
      after: expression,
      ...(assignment_id == null ? {} : { assignment_id }),
      ...(place == null ? {} : { place }),
    })),
    ...(act.undoes ? { undoes: act.undoes } : {}),
  }));
}
