// The selected cell in the URL, so that "look at this cell" is a link.

import type { CellRef } from "./outbox";
import type { Attach } from "./slide-view";

/** Select the cell that the URL names, and keep the URL in step with what is selected. */
export const attachCellLink: Attach = (view) => {
  const start = cellOf(new URLSearchParams(location.hash.split("?")[1] ?? ""), view.slide.slide_id);
  const stop = view.onSelect((cell) =>
    view.app.note({
      cell: cell?.cell_id ?? null,
      cx: cell ? Number(cell.x_l0.toFixed(2)) : null,
      cy: cell ? Number(cell.y_l0.toFixed(2)) : null,
    }),
  );
  if (start) view.select(start);
  return stop;
};

/** The cell that a URL names: its id, and where it lies; without a place that of the view. */
export function cellOf(params: URLSearchParams, slide_id: string): CellRef | null {
  const cell_id = params.get("cell");
  const x_l0 = Number(params.get("cx") ?? params.get("x") ?? NaN);
  const y_l0 = Number(params.get("cy") ?? params.get("y") ?? NaN);
  if (!cell_id || !Number.isFinite(x_l0) || !Number.isFinite(y_l0)) return null;
  return { cell_id, slide_id, x_l0, y_l0 };
}
