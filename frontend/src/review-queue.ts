// Cells that are to be asked again: chosen in a review, given to readers as an assignment.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";
import type { ReviewCell } from "./review-filter";

export interface Picked {
  readonly element: HTMLElement;
  has(cellId: string): boolean;
  /** Put a cell in, or take it out. */
  toggle(cell: ReviewCell): void;
  readonly n: number;
}

/** The tray of cells to ask again; `onChange` is called with the cells whose state changed. */
export function pickedCells(
  app: App,
  runId: string,
  readers: string[],
  onChange: (cells: ReviewCell[]) => void,
): Picked {
  const cells = new Map<string, ReviewCell>();
  const chosen = new Set(readers.length === 1 ? readers : []);
  const element = h("section", { className: "review-tray", aria: { label: "Cells to ask again" } });

  const show = (): void => {
    element.hidden = cells.size === 0;
    if (!cells.size) return;
    fill(
      element,
      h("b", {}, `${cells.size} ${cells.size === 1 ? "cell" : "cells"} to ask again`),
      h(
        "fieldset",
        { className: "review-tray-readers" },
        h("legend", {}, "Give them to"),
        ...readers.map((reader) => {
          const box = h("input", {
            type: "checkbox",
            checked: chosen.has(reader),
            onchange: () => {
              if (box.checked) chosen.add(reader);
              else chosen.delete(reader);
            },
          });
          return h("label", {}, box, reader);
        }),
      ),
      h("button", { type: "button", onclick: () => void give() }, "Give to their queue"),
      h("button", { type: "button", onclick: clear }, "Clear"),
      h(
        "span",
        { className: "review-tray-note" },
        "Readers see the cells in their own order, without the call, the cause or this list.",
      ),
    );
  };
  const clear = (): void => {
    const gone = [...cells.values()];
    cells.clear();
    show();
    onChange(gone);
  };
  const give = async (): Promise<void> => {
    if (!chosen.size) {
      app.say("choose at least one reader first", "problem");
      return;
    }
    try {
      const made = await asked(
        app.api.POST("/api/review/queue", {
          body: { run: runId, cell_ids: [...cells.keys()], readers: [...chosen] },
        }),
      );
      app.say(`${made.n_cells} cells now wait in the queue of ${[...chosen].join(", ")}`);
      clear();
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
  };
  show();
  return {
    element,
    has: (cellId) => cells.has(cellId),
    toggle: (cell) => {
      if (!cells.delete(cell.cell_id)) cells.set(cell.cell_id, cell);
      show();
      onChange([cell]);
    },
    get n() {
      return cells.size;
    },
  };
}
