// The explanation of the selected cell, shared by the panel and the layers that draw it.

import { ApiError, asked } from "./api";
import type { components } from "./openapi";
import type { CellRef } from "./outbox";
import type { SlideView } from "./slide-view";

export type Why = components["schemas"]["WhyOut"];

/** nothing: no cell is selected. hidden: not before the reader's own label. */
export type WhyState =
  | { kind: "nothing" }
  | { kind: "asking"; cell: CellRef; before: Why | null }
  | { kind: "hidden"; cell: CellRef; sentence: string }
  | { kind: "failed"; cell: CellRef; sentence: string }
  | { kind: "told"; cell: CellRef; why: Why };

export interface WhyAnswers {
  readonly state: WhyState;
  onChange(run: () => void): () => void;
  /** Ask once more, as after a failure or with another reference. */
  ask(reference?: Why["reference"]): void;
}

const FORBIDDEN = 403;
const LOOK_MS = 150; // so that cells passed over with a key are not explained one by one
const known = new WeakMap<SlideView, { answers: WhyAnswers; users: number; close(): void }>();

/** The explanations of one open slide; every part that uses them calls the second function once. */
export function whyAnswers(view: SlideView): [WhyAnswers, () => void] {
  let found = known.get(view);
  if (!found) {
    found = { ...open(view), users: 0 };
    known.set(view, found);
  }
  const shared = found;
  shared.users += 1;
  return [
    shared.answers,
    () => {
      shared.users -= 1;
      if (shared.users > 0) return;
      shared.close();
      known.delete(view);
    },
  ];
}

function open(view: SlideView): { answers: WhyAnswers; close(): void } {
  const listeners = new Set<() => void>();
  let state: WhyState = { kind: "nothing" };
  let number = 0;
  let timer = 0;

  function set(next: WhyState): void {
    state = next;
    for (const run of [...listeners]) run();
  }
  async function explain(cell: CellRef, reference?: string): Promise<void> {
    const mine = ++number;
    const before = state.kind === "told" && sameCell(state.cell, cell) ? state.why : null;
    set({ kind: "asking", cell, before });
    try {
      const why = await asked(
        view.app.api.POST("/api/why", { body: { ...bodyOf(view, cell), reference } as never }),
      );
      if (mine === number) set({ kind: "told", cell, why });
    } catch (error) {
      if (mine !== number) return;
      const sentence = error instanceof Error ? error.message : String(error);
      const isHidden = error instanceof ApiError && error.status === FORBIDDEN;
      set({ kind: isHidden ? "hidden" : "failed", cell, sentence });
    }
  }
  function later(cell: CellRef): void {
    clearTimeout(timer);
    timer = setTimeout(() => void explain(cell), LOOK_MS);
  }
  const stops = [
    view.onSelect((cell) => {
      clearTimeout(timer);
      if (!cell) {
        number += 1;
        set({ kind: "nothing" });
      } else if (!("cell" in state) || !sameCell(state.cell, cell)) {
        number += 1;
        set({ kind: "asking", cell, before: null });
        later(cell);
      }
    }),
    view.app.outbox.onSaved((labels) => {
      const cell = view.selected;
      if (cell && labels.some((label) => sameCell(label.cell, cell))) later(cell);
    }),
  ];
  if (view.selected) later(view.selected);
  // So that the first cell need not wait for the models; without a run there is nothing to load.
  view.app.api.POST("/api/why/ready", { body: {} as never }).catch(() => {});
  return {
    answers: {
      get state() {
        return state;
      },
      onChange(run) {
        listeners.add(run);
        return () => listeners.delete(run);
      },
      ask(reference) {
        if ("cell" in state) void explain(state.cell, reference);
      },
    },
    close() {
      clearTimeout(timer);
      number += 1;
      for (const stop of stops) stop();
    },
  };
}

/** What names a cell to the server; the run is the one that the page shows, if it shows one. */
export function bodyOf(view: SlideView, cell: CellRef): Record<string, string | number> {
  const run = runOf();
  return {
    slide_id: view.slide.slide_id,
    cell_id: cell.cell_id,
    x_l0: cell.x_l0,
    y_l0: cell.y_l0,
    ...(run ? { run } : {}),
  };
}

/** The run named in the URL, or null for the latest. */
export function runOf(hash: string = location.hash): string | null {
  const [, query = ""] = hash.split("?");
  return new URLSearchParams(query).get("run");
}

export function sameCell(one: CellRef, other: CellRef): boolean {
  return one.cell_id === other.cell_id && one.slide_id === other.slide_id;
}
