// The form that starts a run: what it would learn from, and the few choices there are.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import type { Job } from "./run-words";

type Plan = components["schemas"]["PlanOut"];

/** The form; `started` is called with what was put into the queue. */
export function startForm(app: App, plan: Plan, started: (job: Job) => void): HTMLElement {
  const name = h("input", { type: "text", maxLength: 80, id: "runs-name", autocomplete: "off" });
  const epochs = h("input", { type: "number", min: "1", max: "1000", id: "runs-epochs", value: String(plan.n_epochs) });
  const hold = h(
    "select",
    { id: "runs-hold" },
    h("option", { value: "" }, plan.split === "folds" ? `Every case once, in ${plan.n_folds} parts` : "Some cases once (as the study says)"),
    ...foldChoices(plan).map((n) => h("option", { value: String(n) }, `Every case once, in ${n} parts (${n} times as long)`)),
  );
  const problem = h("p", { className: "problem", hidden: true, aria: { role: "alert" } });
  const start = h("button", { type: "submit", className: "runs-act" }, "Start the run");
  const send = async (body: components["schemas"]["RunIn"]): Promise<void> => {
    start.disabled = true;
    problem.hidden = true;
    try {
      started(await asked(app.api.POST("/api/runs", { body })));
      name.value = "";
    } catch (error) {
      problem.hidden = false;
      fill(problem, error instanceof ApiError ? error.message : String(error));
    } finally {
      start.disabled = plan.n_cells === 0;
    }
  };
  start.disabled = plan.n_cells === 0;
  const form = h(
    "form",
    { className: "runs-form", noValidate: true },
    field("Name, if you like", name),
    field("Passes over the cells, at the most", epochs),
    field("Cases held out to measure on", hold),
    start,
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    const n = Number(epochs.value);
    if (!Number.isInteger(n) || n < 1 || n > 1000) {
      problem.hidden = false;
      fill(problem, "Passes over the cells: give a whole number between 1 and 1000");
      epochs.focus();
      return;
    }
    void send({ name: name.value, epochs: n === plan.n_epochs ? null : n, folds: hold.value ? Number(hold.value) : null, is_continued: false });
  };
  return h(
    "section",
    { className: "runs-card", aria: { labelledby: "runs-start" } },
    h("h2", { id: "runs-start" }, "Start a run"),
    h("p", {}, planWords(plan)),
    form,
    plan.continued_run ? continued(plan.continued_run, () => void send({ name: "", epochs: null, folds: null, is_continued: true })) : null,
    problem,
  );
}

/** What a run would learn from, or why there can be none. */
export function planWords(plan: Plan): string {
  if (plan.problem) return plan.problem;
  if (!plan.n_cells) return "No cell is labelled yet. Label some cells first; a run learns from labels.";
  const cells = plan.n_cells.toLocaleString("en");
  return (
    `It learns from ${cells} labelled cells of ${plan.n_cases} cases, ${plan.n_positive.toLocaleString("en")} of them positive, ` +
    "and measures itself on cases it has not seen. You can go on labelling meanwhile."
  );
}

function foldChoices(plan: Plan): number[] {
  return [5, 10].filter((n) => n <= plan.n_cases && !(plan.split === "folds" && n === plan.n_folds));
}

function field(label: string, input: HTMLInputElement | HTMLSelectElement): HTMLElement {
  return h("div", { className: "runs-field" }, h("label", { htmlFor: input.id }, label), input);
}

function continued(run: string, act: () => void): HTMLElement {
  return h(
    "p",
    { className: "runs-continue" },
    `Run ${run} was stopped before its end. `,
    h("button", { type: "button", onclick: act }, `Continue run ${run}`),
  );
}
