// Cells on which readers differ, side by side: the label of each reader, and no model.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { count } from "./agreement-figures";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import { openingNotice } from "./review-gate";
import { said } from "./review-mark";
import { slidePatch, tissue } from "./review-pictures";

type Found = components["schemas"]["DisagreementsOut"];
type Gap = components["schemas"]["DisagreementOut"]["gap"];

const GAPS: Record<Gap, string> = {
  side: "positive against negative",
  kind: "a level against no tumour cell or cannot judge",
  level: "which level",
};
const N_EACH = 30;
const UM = 40;

/** The section of cells; filters stand in the URL. */
export function differingCells(app: App, runId: string | null, params: URLSearchParams): HTMLElement {
  const place = h("div");
  const cells = h("ol", { className: "agree-cells" });
  let gap = Object.hasOwn(GAPS, params.get("gap") ?? "") ? (params.get("gap") as Gap) : null;
  let between = (params.get("between") ?? "").split("~").filter(Boolean).slice(0, 2);
  if (between.length < 2) between = [];
  let shown = 0;

  const query = () => ({
    ...(runId ? { run: runId } : {}),
    ...(gap ? { gap } : {}),
    ...(between.length ? { between } : {}),
  });
  const ask = (start: number): Promise<Found> =>
    asked(app.api.GET("/api/review/disagreements", { params: { query: { ...query(), start, n: N_EACH } } }));
  const more = h("button", { type: "button", onclick: () => void add() }, "Show more");
  const add = async (): Promise<void> => {
    await told(app, async () => {
      const found = await ask(shown);
      cells.append(...found.cells.map((cell) => cellCard(cell, found.readers, runId)));
      shown += found.cells.length;
      more.hidden = shown >= found.n;
    });
  };
  const again = async (): Promise<void> => {
    app.note({ gap, between: between.length ? between.join("~") : null });
    await told(app, async () => {
      const found = await ask(0);
      shown = found.cells.length;
      more.hidden = shown >= found.n;
      fill(cells, ...found.cells.map((cell) => cellCard(cell, found.readers, runId)));
      if (!found.n_shared) {
        fill(place, nothing(found));
        return;
      }
      fill(place, header(found), found.n_hidden ? hidden(found) : null, found.n ? cells : nothing(found), more);
    });
  };

  function header(found: Found): HTMLElement {
    const all = Object.values(found.n_of_gap).reduce((sum, n) => sum + n, 0);
    const kinds = h(
      "select",
      {
        onchange: () => {
          gap = kinds.value ? (kinds.value as Gap) : null;
          void again();
        },
      },
      h("option", { value: "", selected: gap === null }, `every difference (${all})`),
      ...(Object.keys(GAPS) as Gap[]).map((name) =>
        h("option", { value: name, selected: gap === name }, `${GAPS[name]} (${found.n_of_gap[name] ?? 0})`),
      ),
    );
    const pairs = pairsOf(found.readers);
    const who = h(
      "select",
      {
        onchange: () => {
          between = who.value ? who.value.split("~") : [];
          void again();
        },
      },
      h("option", { value: "", selected: !between.length }, "any two readers"),
      ...pairs.map(([a, b]) => h("option", { value: `${a}~${b}`, selected: between.join("~") === `${a}~${b}` }, `${a} and ${b}`)),
    );
    const link = new URLSearchParams();
    for (const [name, value] of Object.entries(query())) {
      for (const one of Array.isArray(value) ? value : [value]) link.append(name, one);
    }
    return h(
      "div",
      { className: "review-filters" },
      h("label", { className: "review-choice" }, h("span", {}, "Difference"), kinds),
      h("label", { className: "review-choice" }, h("span", {}, "Between"), who),
      h("a", { className: "agree-csv", href: `/api/review/disagreements.csv?${link}` }, "CSV of these cells"),
      h(
        "p",
        { className: "review-why-not" },
        `${count(found.n_shared, "cell")} were labelled by two readers or more. The consensus: ${found.rule}`,
      ),
    );
  }

  function hidden(found: Found): HTMLElement {
    const about = h("div", { className: "review-notice" });
    fill(
      about,
      `${count(found.n_hidden, "cell")} more, which you have not labelled yourself, are hidden so that the others do not lead you. `,
      h(
        "button",
        { type: "button", onclick: () => fill(about, openingNotice(app, runId, () => void again())) },
        "Show them too …",
      ),
    );
    return about;
  }

  void again();
  return place;
}

function nothing(found: Found): HTMLElement {
  const words = !found.n_shared
    ? "No cell was labelled by two readers yet. Give the same cells to two readers, then what they see differently stands here."
    : found.n_hidden
      ? "None of the cells that you have labelled yourself."
      : "No cell is left by these choices: there the readers agree.";
  return h("p", { className: "review-none" }, words);
}

function cellCard(cell: Found["cells"][number], readers: string[], runId: string | null): HTMLElement {
  const of = new Map(cell.said.map(({ reader, expression }) => [reader, expression]));
  const query = new URLSearchParams({
    id: cell.slide_id,
    x: cell.x_l0.toFixed(0),
    y: cell.y_l0.toFixed(0),
    um: "120",
    cell: cell.cell_id,
    ...(runId ? { run: runId } : {}),
  });
  return h(
    "li",
    { className: "agree-cell" },
    tissue(slidePatch(cell, UM, 200), `Cell ${cell.cell_id}`, UM, { click: true, bar: true }),
    h(
      "dl",
      {},
      ...readers
        .filter((reader) => of.has(reader))
        .flatMap((reader) => [h("dt", {}, reader), h("dd", {}, said(of.get(reader)!))]),
      h("dt", { className: "agree-together" }, "consensus"),
      h("dd", { className: "agree-together" }, cell.together ? said(cell.together) : "none: split"),
    ),
    h("a", { href: `#/slide?${query}` }, `${cell.case_id}, on the slide`),
  );
}

function pairsOf(readers: string[]): [string, string][] {
  return readers.flatMap((a, at) => readers.slice(at + 1).map((b): [string, string] => [a, b]));
}

async function told(app: App, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    app.say(error instanceof ApiError ? error.message : String(error), "problem");
  }
}
