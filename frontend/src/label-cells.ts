// The cells of one slide that can be labelled: the reader's own, and those that others or a round name.

import type { CellRef, Expression } from "./outbox";
import type { SlideView } from "./slide-view";

export interface LabelCell {
  cell: CellRef;
  expression: Expression | null;
  /** Named by somebody else or by a round: shown also while the reader has not labelled it. */
  isKnown: boolean;
}

export interface LabelCells {
  readonly all: readonly LabelCell[];
  readonly nLabelled: number;
  find(cell_id: string): LabelCell | undefined;
  put(cell: CellRef, expression: Expression | null, isKnown?: boolean): void;
  /** The nearest cell that is shown, within a radius in CSS pixels. */
  near(view: Pick<SlideView, "toLevel0" | "pxPerL0">, x: number, y: number, radius: number): { cell: CellRef; distance: number } | null;
  /** The cell before or after one, in the order of the list; wraps round. */
  step(from: string | null, by: 1 | -1): LabelCell | null;
}

export function createLabelCells(): LabelCells {
  const by_id = new Map<string, LabelCell>();
  let all: LabelCell[] = [];
  const isShown = (one: LabelCell): boolean => one.isKnown || one.expression !== null;
  return {
    get all() {
      return all;
    },
    get nLabelled() {
      return all.filter(({ expression }) => expression !== null).length;
    },
    find: (cell_id) => by_id.get(cell_id),
    put(cell, expression, isKnown = false) {
      const known = by_id.get(cell.cell_id);
      by_id.set(cell.cell_id, { cell: known?.cell ?? cell, expression, isKnown: isKnown || (known?.isKnown ?? false) });
      all = [...by_id.values()].filter(isShown);
    },
    near(view, x, y, radius) {
      const { x_l0, y_l0 } = view.toLevel0(x, y);
      let best: { cell: CellRef; distance: number } | null = null;
      for (const { cell } of all) {
        const distance = Math.hypot(cell.x_l0 - x_l0, cell.y_l0 - y_l0) * view.pxPerL0;
        if (distance <= (best?.distance ?? radius)) best = { cell, distance };
      }
      return best;
    },
    step(from, by) {
      if (!all.length) return null;
      const at = all.findIndex(({ cell }) => cell.cell_id === from);
      const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
      return all[next] ?? null;
    },
  };
}
