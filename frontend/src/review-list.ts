// The list of cells to look at again: filters above, one line a cell, arrows go through it.

import { fill, h } from "./dom";
import { mark, expressionOf } from "./review-mark";
import { pictureOf, signed } from "./review-pictures";
import {
  causesIn,
  type Filters,
  JUDGED,
  judgedBy,
  PARTS,
  PROOFS,
  type ReviewCell,
  SORTS,
} from "./review-filter";
import type { components } from "./openapi";

type Review = components["schemas"]["ReviewOut"];

/** The row of choices above a list. */
export function filterBar(
  cells: ReviewCell[],
  filters: Filters,
  onChange: (filters: Filters) => void,
): HTMLElement {
  const causes: Record<string, string> = { any: `any cause (${cells.length})` };
  for (const { cause, name, n } of causesIn(cells)) causes[cause] = `${name} (${n})`;
  const choice = (name: keyof Filters, label: string, options: Record<string, string>) => {
    const select = h(
      "select",
      { onchange: () => onChange({ ...filters, [name]: select.value } as Filters) },
      ...Object.entries(options).map(([value, text]) =>
        h("option", { value, selected: filters[name] === value }, text),
      ),
    );
    return h("label", { className: "review-choice" }, h("span", {}, label), select);
  };
  return h(
    "div",
    { className: "review-filters", aria: { role: "group", label: "Which cells are shown" } },
    choice("cause", "Cause", causes),
    choice("proof", "Proof", PROOFS),
    choice("part", "Cells", PARTS),
    choice("judged", "Judged", JUDGED),
    choice("sort", "Sorted", SORTS),
  );
}

export interface CellList {
  readonly element: HTMLElement;
  show(cells: ReviewCell[]): void;
  /** Mark a cell as the one that is looked at. */
  select(cellId: string | null, focus: boolean): void;
  /** Draw the line of one cell again, after something was said of it. */
  refresh(cell: ReviewCell): void;
}

/** A list of cells; `isPicked` says which are to be asked again. */
export function cellList(
  run: Review,
  reader: string,
  onSelect: (cell: ReviewCell) => void,
  isPicked: (cellId: string) => boolean,
): CellList {
  const element = h("ol", { className: "review-list", aria: { label: "Cells to look at" } });
  const rows = new Map<string, HTMLButtonElement>();
  let selected: string | null = null;

  const lineOf = (cell: ReviewCell): HTMLButtonElement => {
    const row = h("button", { className: "review-row", type: "button" });
    row.addEventListener("click", () => onSelect(cell));
    fillRow(row, run, cell, reader, isPicked(cell.cell_id));
    rows.set(cell.cell_id, row);
    return row;
  };
  const select = (cellId: string | null, focus: boolean): void => {
    if (selected !== null) rows.get(selected)?.removeAttribute("aria-current");
    selected = cellId;
    const row = cellId === null ? undefined : rows.get(cellId);
    row?.setAttribute("aria-current", "true");
    row?.scrollIntoView({ block: "nearest" });
    if (focus) row?.focus({ preventScroll: true });
  };
  return {
    element,
    show: (cells) => {
      rows.clear();
      fill(element, ...cells.map((cell) => h("li", {}, lineOf(cell))));
      if (!cells.length) fill(element, h("li", { className: "review-none" }, "No cell is left by these choices."));
    },
    select,
    refresh: (cell) => {
      const row = rows.get(cell.cell_id);
      if (row) fillRow(row, run, cell, reader, isPicked(cell.cell_id));
    },
  };
}

function fillRow(
  row: HTMLButtonElement,
  run: Review,
  cell: ReviewCell,
  reader: string,
  isPicked: boolean,
): void {
  const label = expressionOf(cell.label);
  const said = judgedBy(cell, reader);
  const signs = [
    said === true && h("b", { className: "review-yes" }, "✓ confirmed"),
    said === false && h("b", { className: "review-no" }, "✗ rejected"),
    isPicked && h("b", { className: "review-picked" }, "+ to ask again"),
    cell.is_held_out && h("span", { className: "review-held" }, "held out"),
  ];
  fill(
    row,
    h("img", {
      src: pictureOf(run, cell, "patch"),
      alt: "",
      loading: "lazy",
      width: 56,
      height: 56,
    }),
    h(
      "span",
      { className: "review-row-text" },
      h("span", { className: "review-row-cause" }, cell.cause_name),
      h(
        "span",
        { className: "review-row-facts" },
        label ? mark(label) : null,
        ` labelled ${cell.label.replace("_", " ")}, called ${cell.call} (${signed(cell.logit)})`,
      ),
      h("span", { className: "review-row-signs" }, ...signs.filter(Boolean).map((sign) => sign as Node)),
    ),
  );
}
