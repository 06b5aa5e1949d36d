// The review of a run: what it errs in and why, labels in doubt, and the cells to ask next.

import "./review.css";
import { ApiError, asked } from "./api";
import type { App, Page } from "./app";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import { emptyState, openingNotice } from "./review-gate";
import { reviewOf } from "./review-run";

type RunState = components["schemas"]["RunStateOut"];
export type Kind = "errors" | "doubtful" | "uncertain" | "next";

const KINDS: Record<Kind, string> = {
  errors: "Wrong calls",
  doubtful: "Doubtful labels",
  uncertain: "Uncertain calls",
  next: "Next cells to ask",
};

export const page: Page = async (root, app, params) => {
  if (app.session.role !== "owner") {
    fill(
      root,
      emptyState(
        "For owners of the study",
        "The review shows what the model and the other readers say, so that it is open to owners alone. Ask an owner to make you one.",
        null,
        { href: "#/slides", text: "Label on the slides" },
      ),
    );
    return () => {};
  }
  const runs = await asked(app.api.GET("/api/review/runs"));
  const asks = Object.hasOwn(KINDS, params.get("kind") ?? "") ? (params.get("kind") as Kind) : "errors";
  const run = runs.find(({ run_id }) => run_id === params.get("run")) ?? latest(runs);
  const place = h("div", { className: "review-place" });
  fill(root, heading(app, runs, run, asks), place);
  root.classList.add("review-page");
  let leave = (): void => {};
  const show = async (): Promise<void> => {
    try {
      leave = await filled(place, app, run, asks, params, () => void show());
    } catch (error) {
      const text = error instanceof ApiError ? error.message : String(error);
      fill(place, h("p", { className: "problem" }, text));
    }
  };
  await show();
  return () => {
    root.classList.remove("review-page");
    leave();
  };
};

async function filled(
  place: HTMLElement,
  app: App,
  run: RunState | undefined,
  kind: Kind,
  params: URLSearchParams,
  again: () => void,
): Promise<() => void> {
  if (!run) {
    fill(
      place,
      emptyState(
        "No run yet",
        "A run learns from the labels, measures itself on held-out cases and asks why it errs. Its wrong calls and doubtful labels then stand here.",
        "rimlight run STUDY",
        { href: "#/runs", text: "Start a run" },
      ),
    );
    return () => {};
  }
  if (!run.is_trained) {
    fill(
      place,
      emptyState(
        `Run ${run.run_id} is not finished`,
        "It has made no call yet. If it still works, wait for it; if it was stopped, start another.",
        "rimlight run STUDY",
        { href: "#/runs", text: "Look at the runs" },
      ),
    );
    return () => {};
  }
  if (!run.is_disclosed) {
    const open = (): void => {
      Object.assign(run, { is_disclosed: true });
      again();
    };
    fill(place, openingNotice(app, run.run_id, open));
    return () => {};
  }
  if (kind === "next") {
    const { nextCells } = await import("./review-rounds");
    return nextCells(place, app, run.run_id);
  }
  return reviewOf(place, app, { run, kind, params });
}

function heading(app: App, runs: RunState[], run: RunState | undefined, kind: Kind): HTMLElement {
  const link = (name: Kind): HTMLElement => {
    const query = new URLSearchParams({ ...(run ? { run: run.run_id } : {}), kind: name });
    const it = h("a", { href: `#/review?${query}` }, KINDS[name]);
    if (name === kind) it.setAttribute("aria-current", "page");
    return it;
  };
  const choice = h(
    "select",
    { onchange: () => app.go("review", { run: choice.value, kind }) },
    ...runs.map(({ run_id }) =>
      h("option", { value: run_id, selected: run_id === run?.run_id }, `Run ${run_id}`),
    ),
  );
  return h(
    "div",
    { className: "review-top" },
    h("h1", {}, "Review"),
    h("nav", { className: "review-kinds", aria: { label: "Kinds of cells" } }, ...(Object.keys(KINDS) as Kind[]).map(link)),
    runs.length ? h("label", { className: "review-run" }, "Model of ", choice) : null,
  );
}

function latest(runs: RunState[]): RunState | undefined {
  return runs.find((run) => run.is_trained) ?? runs[0];
}
