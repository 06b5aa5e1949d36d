// Which cells of a review are shown, in which order: pure, and kept in the URL.

import type { components } from "./openapi";

export type ReviewCell = components["schemas"]["ReviewCellOut"];
export type Judged = "any" | "open" | "confirmed" | "rejected";
export type Sort = "cause" | "doubt" | "sure" | "turned" | "case";

export interface Filters {
  cause: string;
  proof: string;
  part: string;
  judged: Judged;
  sort: Sort;
}

export const SORTS: Record<Sort, string> = {
  cause: "as the report ranks them",
  doubt: "most doubtful label first",
  sure: "surest call first",
  turned: "strongest edit first",
  case: "by case and slide",
};
export const PROOFS: Record<string, string> = {
  any: "any proof",
  confirmed: "confirmed by an edit",
  map_only: "by the map only",
  unexplained: "unexplained",
  not_asked: "not looked for",
};
export const PARTS: Record<string, string> = {
  any: "all cells",
  others: "cells that may be asked again",
  held: "held-out cells",
};
export const JUDGED: Record<Judged, string> = {
  any: "judged or not",
  open: "not judged by you",
  confirmed: "confirmed by you",
  rejected: "rejected by you",
};
const NONE: Filters = { cause: "any", proof: "any", part: "any", judged: "any", sort: "cause" };

/** Filters as the URL says them; what it says wrongly is left out. */
export function filtersFrom(params: URLSearchParams): Filters {
  const among = <T extends string>(name: string, known: object, otherwise: T): T => {
    const value = params.get(name);
    return value !== null && Object.hasOwn(known, value) ? (value as T) : otherwise;
  };
  return {
    cause: params.get("cause") ?? NONE.cause,
    proof: among("proof", PROOFS, NONE.proof),
    part: among("part", PARTS, NONE.part),
    judged: among("judged", JUDGED, NONE.judged),
    sort: among("sort", SORTS, NONE.sort),
  };
}

/** What the URL has to say of filters; null takes a parameter away. */
export function paramsOf(filters: Filters): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(filters).map(([name, value]) => [
      name,
      value === NONE[name as keyof Filters] ? null : value,
    ]),
  );
}

/** What a reader said of the cause of a cell, null where nothing. */
export function judgedBy(cell: ReviewCell, reader: string): boolean | null {
  const own = cell.judged.filter((one) => one.reader === reader).at(-1);
  return own ? own.is_confirmed : null;
}

/** The cells that filters leave, in their order; the server's order stays where nothing is asked. */
export function shownCells(cells: ReviewCell[], filters: Filters, reader: string): ReviewCell[] {
  const left = cells.filter((cell) => isShown(cell, filters, reader));
  const by = ORDER[filters.sort];
  return by ? left.sort(by) : left;
}

function isShown(cell: ReviewCell, filters: Filters, reader: string): boolean {
  const { cause, proof, part, judged } = filters;
  if (cause !== "any" && cell.cause !== cause) return false;
  if (proof !== "any" && cell.status !== proof) return false;
  if (part !== "any" && cell.is_held_out !== (part === "held")) return false;
  if (judged === "any") return true;
  const said = judgedBy(cell, reader);
  return judged === "open" ? said === null : said === (judged === "confirmed");
}

const ORDER: Record<Sort, ((a: ReviewCell, b: ReviewCell) => number) | null> = {
  cause: null,
  doubt: (a, b) => (b.doubt ?? -1) - (a.doubt ?? -1),
  sure: (a, b) => Math.abs(b.logit) - Math.abs(a.logit),
  turned: (a, b) => (b.recovered ?? -Infinity) - (a.recovered ?? -Infinity) || 0,
  case: (a, b) =>
    a.case_id.localeCompare(b.case_id, undefined, { numeric: true }) ||
    a.slide_id.localeCompare(b.slide_id, undefined, { numeric: true }) ||
    a.cell_id.localeCompare(b.cell_id, undefined, { numeric: true }),
};

/** Causes that occur, with their names and numbers, the most frequent first. */
export function causesIn(cells: ReviewCell[]): { cause: string; name: string; n: number }[] {
  const found = new Map<string, { cause: string; name: string; n: number }>();
  for (const { cause, cause_name } of cells) {
    const known = found.get(cause);
    if (known) known.n += 1;
    else found.set(cause, { cause, name: cause_name, n: 1 });
  }
  return [...found.values()].sort((a, b) => b.n - a.n || a.name.localeCompare(b.name));
}

/** The cell so many places further on; stays at the ends. Null only where the list is empty. */
export function neighbour(
  cells: ReviewCell[],
  cellId: string | null,
  step: number,
): ReviewCell | null {
  if (!cells.length) return null;
  const at = cells.findIndex((cell) => cell.cell_id === cellId);
  const next = at < 0 ? 0 : Math.max(0, Math.min(cells.length - 1, at + step));
  return cells[next]!;
}

/** Cells that may not be asked about again, since a run is measured on them. */
export function mayBeAsked(cell: ReviewCell): boolean {
  return !cell.is_held_out;
}
