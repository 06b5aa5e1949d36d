// How readers agree: with each other, with a run, with themselves; and where they do not.

import "./review.css";
import "./agreement.css";
import { ApiError, asked } from "./api";
import type { App, Page } from "./app";
import { differingCells } from "./agreement-cells";
import { dotPlot, levelTable, rowTable } from "./agreement-drawing";
import { count, figuresOf, kappaWord, rowsOf, type Scale, textOf, titleOfScale } from "./agreement-figures";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import { emptyState } from "./review-gate";

type Agreement = components["schemas"]["AgreementOut"];

export const page: Page = async (root, app, params) => {
  if (app.session.role !== "owner") {
    fill(root, emptyState("For owners of the study", "Agreement compares what all readers said, so that it is open to owners alone.", null, { href: "#/slides", text: "Label on the slides" }));
    return () => {};
  }
  const runs = (await asked(app.api.GET("/api/review/runs"))).filter((run) => run.is_trained);
  const wanted = params.get("run");
  const runId = wanted === "none" ? null : (runs.find((run) => run.run_id === wanted) ?? runs[0])?.run_id ?? null;
  const figures = h("div", { className: "agree" });
  const choice = h(
    "select",
    { onchange: () => app.go("agreement", { run: choice.value }) },
    h("option", { value: "none", selected: runId === null }, "readers alone"),
    ...runs.map(({ run_id }) => h("option", { value: run_id, selected: run_id === runId }, `with run ${run_id}`)),
  );
  fill(
    root,
    h("div", { className: "review-top" }, h("h1", {}, "Agreement"), h("label", { className: "review-run" }, "Compare ", choice)),
    figures,
    h("h2", { className: "agree-heading" }, "Where readers differ"),
    differingCells(app, runId, params),
  );
  root.classList.add("agree-page");
  let timer = 0;
  let isLeft = false;
  const show = async (): Promise<void> => {
    try {
      const got = await asked(app.api.GET("/api/review/agreement", { params: { query: runId ? { run: runId } : {} } }));
      if (isLeft) return;
      fill(figures, ...content(app, got, params, () => void show()));
      if (got.calls === "running") timer = window.setTimeout(() => void show(), 1500);
    } catch (error) {
      fill(figures, h("p", { className: "problem" }, error instanceof ApiError ? error.message : String(error)));
    }
  };
  await show();
  return () => {
    isLeft = true;
    clearTimeout(timer);
    root.classList.remove("agree-page");
  };
};

function content(app: App, got: Agreement, params: URLSearchParams, again: () => void): HTMLElement[] {
  if (got.sentence || !got.scales.length) {
    return [
      emptyState(
        "Nothing to compare yet",
        "Agreement needs two readers who labelled the same cells, one reader who labelled cells twice, or a run beside one reader.",
        null,
        { href: "#/slides", text: "Label on the slides" },
      ),
    ];
  }
  const scale = got.scales.find(({ key }) => key === params.get("scale")) ?? got.scales[0]!;
  const place = h("div");
  const tabs = h("div", { className: "review-kinds", aria: { role: "group", label: "What is compared" } });
  const pick = (chosen: Scale): void => {
    app.note({ scale: chosen.key === got.scales[0]!.key ? null : chosen.key });
    params.set("scale", chosen.key);
    fill(
      tabs,
      ...got.scales.map((one) =>
        h("button", { type: "button", onclick: () => pick(one), aria: { pressed: String(one === chosen) } }, titleOfScale(one)),
      ),
    );
    fill(place, ...scaleView(app, got, chosen, params));
  };
  pick(scale);
  return [
    h("p", { className: "review-facts" }, got.about),
    ...missingCalls(app, got, again),
    tabs,
    place,
    h("details", {}, h("summary", {}, "Notes and tables"), ...got.notes.map((note) => h("p", {}, note)), tables(got)),
  ];
}

function scaleView(app: App, got: Agreement, scale: Scale, params: URLSearchParams): HTMLElement[] {
  const names = figuresOf(scale);
  let name = names.includes(params.get("figure") ?? "") ? params.get("figure")! : scale.main;
  const place = h("div", { className: "agree-figure" });
  const choice = h(
    "select",
    {
      onchange: () => {
        name = choice.value;
        app.note({ figure: name === scale.main ? null : name });
        show();
      },
    },
    ...names.map((one) => h("option", { value: one, selected: one === name }, scale.figures[one]?.title ?? one)),
  );
  const show = (): void => {
    const about = scale.figures[name];
    const rows = rowsOf(scale, name);
    const isShare = about?.is_share ?? false;
    const title = about?.title ?? name;
    fill(
      place,
      h("p", { className: "agree-definition" }, h("b", {}, title), `: ${about?.definition ?? ""}`),
      dotPlot(rows, isShare, title),
      h("p", { className: "agree-key" }, "● two readers  ○ a reader and the model  ◆ mean  ■ all at once; lines are 95 % intervals over cases"),
      h("details", {}, h("summary", {}, "The numbers"), rowTable(rows, isShare, title)),
      h(
        "p",
        {},
        csv(got, "pairs", "CSV of pairs"),
        csv(got, "means", "CSV of means"),
        csv(got, "groups", "CSV of all at once"),
      ),
    );
  };
  show();
  const words = [headline(scale), scale.what].filter(Boolean);
  return [
    ...words.map((text, at) => h("p", { className: at ? "review-facts" : "agree-lead" }, text)),
    h("label", { className: "review-choice agree-choice" }, h("span", {}, "Figure"), choice),
    place,
    levels(got, scale, params, app),
    repeats(got, scale),
  ];
}

/** The main result in a sentence that needs no training in statistics. */
function headline(scale: Scale): string {
  const mean = scale.means.find(({ figure }) => figure === scale.main);
  const same = scale.means.find(({ figure }) => figure === "agreement" || figure === "opa");
  if (!mean?.reader_reader) return scale.lead;
  const parts: string[] = [];
  if (same?.reader_reader?.value != null) {
    parts.push(`Two readers say the same of ${(100 * same.reader_reader.value).toFixed(0)} % of the cells`);
  }
  const kappa = mean.reader_reader.value;
  if (kappa !== null) parts.push(`${scale.figures[scale.main]?.title ?? "kappa"} ${textOf(mean.reader_reader, false)}, by habit called ${kappaWord(kappa)}`);
  const model = mean.models[0];
  if (model?.reader_model) {
    parts.push(`a reader and ${model.model} ${textOf(model.reader_model, false)}${differenceWords(model)}`);
  }
  return `${parts.join("; ")}.`;
}

function differenceWords(model: Scale["means"][number]["models"][number]): string {
  const found = model.difference;
  if (!found || found.low === null || found.high === null) return "";
  const is0 = found.low <= 0 && found.high >= 0;
  return `, ${textOf(found, false, true)} beside readers on the same cells: ${is0 ? "no difference shown" : "a difference is shown"}`;
}

function levels(got: Agreement, scale: Scale, params: URLSearchParams, app: App): HTMLElement {
  const pairs = scale.pairs.filter((pair) => pair.counts !== null);
  if (!pairs.length) return h("div");
  const nameOf = (pair: (typeof pairs)[number]): string => `${pair.row}~${pair.column}`;
  let pair = pairs.find((one) => nameOf(one) === params.get("met")) ?? pairs[0]!;
  const place = h("div");
  const show = (): void => fill(place, levelTable(scale, pair.row, pair.column, pair.counts!));
  const choice = h(
    "select",
    {
      onchange: () => {
        pair = pairs[choice.selectedIndex]!;
        app.note({ met: nameOf(pair) });
        show();
      },
    },
    ...pairs.map((one) => h("option", { selected: one === pair }, `${one.row} and ${one.column}`)),
  );
  show();
  return h(
    "section",
    {},
    h("h2", {}, "Which answers met"),
    h("label", { className: "review-choice agree-choice" }, h("span", {}, "Readers"), choice),
    place,
    h("p", {}, csv(got, "counts", "CSV of all pairs")),
  );
}

function repeats(got: Agreement, scale: Scale): HTMLElement {
  if (!scale.repeats.length) {
    return h(
      "section",
      {},
      h("h2", {}, "Each reader with themselves"),
      h("p", { className: "review-facts" }, "No reader saw a cell twice yet. Give cells to readers with a share of blinded repeats, then this says how sure one reader's own answers are."),
    );
  }
  const main = scale.main;
  const same = scale.kind === "call" ? "opa" : "agreement";
  return h(
    "section",
    {},
    h("h2", {}, "Each reader with themselves"),
    h(
      "table",
      { className: "agree-table" },
      h("caption", {}, "Cells that one reader labelled twice"),
      h("thead", {}, h("tr", {}, ...["Reader", "Cells", "Same answer", scale.figures[main]?.title ?? main, "Days between"].map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        ...scale.repeats.map((row) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, row.reader),
            h("td", {}, `${row.n_items}`),
            h("td", {}, `${textOf(row.figures[same] ?? null, true)} %`),
            h("td", {}, textOf(row.figures[main] ?? null, false)),
            h("td", {}, row.days.median == null ? "not known" : row.days.median < 1 ? "under 1" : row.days.median.toFixed(0)),
          ),
        ),
      ),
    ),
    h("p", {}, csv(got, "repeats", "CSV of repeats")),
  );
}

function missingCalls(app: App, got: Agreement, again: () => void): HTMLElement[] {
  if (got.calls === "kept" || got.run_id === null) return [];
  const run = got.run_id;
  const make = async (): Promise<void> => {
    try {
      await asked(app.api.POST("/api/review/agreement/calls", { body: { run } }));
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
    again();
  };
  return [
    h(
      "div",
      { className: "review-notice", aria: { role: "status" } },
      got.calls === "running"
        ? `Run ${run} calls ${count(got.n_missing_calls, "cell")} on which readers are split …`
        : `Run ${run} is not compared yet: readers are split on ${count(got.n_missing_calls, "held-out cell")}, of which it holds no call. Without them readers would seem to agree better than they do. `,
      got.calls === "failed" ? h("p", { className: "problem" }, got.calls_sentence) : null,
      got.calls === "running" ? null : h("button", { type: "button", onclick: () => void make() }, "Let it call them now"),
    ),
  ];
}

function csv(got: Agreement, name: string, text: string): HTMLElement {
  const query = got.run_id ? `?run=${got.run_id}` : "";
  return h("a", { className: "agree-csv", href: `/api/review/agreement/${name}.csv${query}` }, text);
}

function tables(got: Agreement): HTMLElement {
  return h("p", {}, ...got.tables.map((name) => csv(got, name, `${name.replaceAll("_", " ")}.csv`)));
}
