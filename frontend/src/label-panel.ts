// The panel of label mode beside the slide, and the list of cells in step with the canvas.

import "./labels.css";
import { fill, h } from "./dom";
import { expressionButtons, signIcon } from "./expression-buttons";
import { wordsOf } from "./expressions";
import type { History } from "./history";
import type { LabelCell, LabelCells } from "./label-cells";
import type { Expression } from "./outbox";

export interface PanelActs {
  toggle(): void;
  pick(expression: Expression): void;
  goTo(cell: LabelCell): void;
}

export interface PanelState {
  isLabelling: boolean;
  current: Expression;
  selected: string | null;
  /** Cells that lie in view. */
  inView: readonly LabelCell[];
}

export interface LabelPanel {
  readonly element: HTMLElement;
  show(state: PanelState): void;
  showList(state: PanelState): void;
}

const LONGEST_LIST = 60;

export function createLabelPanel(cells: LabelCells, history: History, acts: PanelActs): LabelPanel {
  const mode = h("button", { type: "button", className: "labels-mode", onclick: acts.toggle });
  const buttons = expressionButtons("Current expression", acts.pick);
  const hint = h("p", { className: "labels-hint" });
  const undo = h("button", { type: "button", onclick: () => history.undo() }, "Undo (Z)");
  const redo = h("button", { type: "button", onclick: () => history.redo() }, "Redo (⇧Z)");
  const count = h("p", { className: "labels-count" });
  const list = h("ul", { className: "labels-list" });
  const title = h("summary", {}, "Cells in view");
  const element = h(
    "section",
    { className: "labels-panel", aria: { label: "Labels" } },
    mode, buttons.element, hint,
    h("div", { className: "labels-undo" }, undo, redo),
    count,
    h("details", { className: "labels-cells" }, title, list),
  );
  return {
    element,
    show({ isLabelling, current }) {
      mode.setAttribute("aria-pressed", String(isLabelling));
      mode.textContent = isLabelling ? "Label mode is on: lock (L)" : "Locked: label cells (L)";
      buttons.show(isLabelling ? current : null);
      buttons.setEnabled(isLabelling);
      hint.textContent = isLabelling
        ? `Click a cell: ${wordsOf(current)}. A key labels the cell under the pointer, else the ringed one.`
        : "Labels are locked: a click or a key changes none.";
      undo.disabled = !isLabelling || !history.canUndo;
      redo.disabled = !isLabelling || !history.canRedo;
      count.textContent = `${cells.nLabelled} labels of yours on this slide, ${cells.all.length - cells.nLabelled} cells open`;
    },
    showList({ inView, selected }) {
      const shown = inView.slice(0, LONGEST_LIST);
      const more = inView.length - shown.length;
      title.textContent = `Cells in view: ${inView.length}`;
      const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.cell : null;
      fill(list, ...shown.map((one) => row(one, cells, one.cell.cell_id === selected, acts)), more > 0 ? h("li", {}, `and ${more} more: magnify to list them`) : null);
      if (focused) list.querySelector<HTMLElement>(`[data-cell="${CSS.escape(focused)}"]`)?.focus();
    },
  };
}

function row(one: LabelCell, cells: LabelCells, isSelected: boolean, acts: PanelActs): HTMLElement {
  const words = cellWords(one, cells);
  const button = h(
    "button",
    { type: "button", onclick: () => acts.goTo(one), data: { cell: one.cell.cell_id }, aria: { current: String(isSelected) } },
    one.expression ? (signIcon(one.expression, 22) as unknown as Node) : null,
    words,
  );
  return h("li", {}, button);
}

/** "cell 12 of 40, unlabelled". */
export function cellWords(one: LabelCell, cells: LabelCells): string {
  const at = cells.all.findIndex(({ cell }) => cell.cell_id === one.cell.cell_id);
  return `cell ${at + 1} of ${cells.all.length}, ${wordsOf(one.expression)}`;
}
