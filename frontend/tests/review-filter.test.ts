import { describe, expect, test } from "vitest";
import { causesIn, filtersFrom, judgedBy, neighbour, paramsOf, type ReviewCell, shownCells } from "../src/review-filter";

const cell = (cell_id: string, changes: Partial<ReviewCell> = {}): ReviewCell =>
  ({
    cell_id,
    slide_id: "s1",
    case_id: "k1",
    cause: "pigment",
    cause_name: "pigment or other dark specks",
    status: "confirmed",
    is_held_out: false,
    judged: [],
    doubt: null,
    recovered: null,
    logit: 1,
    ...changes,
  }) as ReviewCell;

const said = (reader: string, is_confirmed: boolean) => ({ reader, is_confirmed, note: "", at: "" });
const ids = (cells: ReviewCell[]): string[] => cells.map(({ cell_id }) => cell_id);
const filters = (text: string) => filtersFrom(new URLSearchParams(text));

describe("filters of a review", () => {
  test("stand in the URL without what is meant anyway", () => {
    const chosen = filters("cause=pigment&judged=open&sort=doubt");
    expect(paramsOf(chosen)).toEqual({ cause: "pigment", proof: null, part: null, judged: "open", sort: "doubt" });
  });

  test("of a URL that says nonsense are left out", () => {
    expect(filters("proof=toString&part=all&judged=maybe&sort=colour")).toEqual(filters(""));
  });

  test("leave the cells of one cause, of one proof, and those that may be asked again", () => {
    const cells = [cell("a"), cell("b", { cause: "macrophage" }), cell("c", { status: "map_only" }), cell("d", { is_held_out: true })];
    expect(ids(shownCells(cells, filters("cause=pigment"), "olga"))).toEqual(["a", "c", "d"]);
    expect(ids(shownCells(cells, filters("proof=map_only"), "olga"))).toEqual(["c"]);
    expect(ids(shownCells(cells, filters("part=others"), "olga"))).toEqual(["a", "b", "c"]);
    expect(ids(shownCells(cells, filters("part=held"), "olga"))).toEqual(["d"]);
  });

  test("by judgement look at the reader's own alone, and at the latest", () => {
    const cells = [
      cell("a", { judged: [said("ben", true)] }),
      cell("b", { judged: [said("olga", true), said("olga", false)] }),
      cell("c", { judged: [said("olga", true)] }),
    ];
    expect(cells.map((one) => judgedBy(one, "olga"))).toEqual([null, false, true]);
    expect(ids(shownCells(cells, filters("judged=open"), "olga"))).toEqual(["a"]);
    expect(ids(shownCells(cells, filters("judged=rejected"), "olga"))).toEqual(["b"]);
    expect(ids(shownCells(cells, filters("judged=confirmed"), "olga"))).toEqual(["c"]);
  });

  test("sort without changing what they were given", () => {
    const cells = [
      cell("a", { doubt: 0.2, logit: -3, case_id: "k10", recovered: 2 }),
      cell("b", { doubt: null, logit: 1, case_id: "k9" }),
      cell("c", { doubt: 0.9, logit: 2, case_id: "k10", slide_id: "s0", recovered: 1 }),
    ];
    expect(ids(shownCells(cells, filters("sort=doubt"), ""))).toEqual(["c", "a", "b"]);
    expect(ids(shownCells(cells, filters("sort=sure"), ""))).toEqual(["a", "c", "b"]);
    expect(ids(shownCells(cells, filters("sort=turned"), ""))).toEqual(["a", "c", "b"]);
    expect(ids(shownCells(cells, filters("sort=case"), ""))).toEqual(["b", "c", "a"]);
    expect(ids(cells)).toEqual(["a", "b", "c"]);
  });
});

test("causes are counted, the most frequent first", () => {
  const cells = [cell("a"), cell("b", { cause: "off_centre", cause_name: "click beside" }), cell("c")];
  expect(causesIn(cells).map(({ cause, n }) => [cause, n])).toEqual([["pigment", 2], ["off_centre", 1]]);
});

test("arrows stop at the ends of the list and start at its first cell", () => {
  const cells = [cell("a"), cell("b"), cell("c")];
  expect(neighbour(cells, "a", 1)?.cell_id).toBe("b");
  expect(neighbour(cells, "c", 1)?.cell_id).toBe("c");
  expect(neighbour(cells, "a", -1)?.cell_id).toBe("a");
  expect(neighbour(cells, null, 1)?.cell_id).toBe("a");
  expect(neighbour([], "a", 1)).toBeNull();
});
