// Runs: start one, follow it, stop it, read its report, choose two to compare.

import "./runs.css";
import { ApiError, asked } from "./api";
import type { App, Page } from "./app";
import { fill, h } from "./dom";
import { openingNotice } from "./review-gate";
import { followJobs } from "./run-job";
import { startForm } from "./run-start";
import { runTable } from "./run-table";
import type { Run } from "./run-words";

export const page: Page = async (root, app, params) => {
  const runs = await asked(app.api.GET("/api/runs"));
  const wanted = params.get("run");
  if (wanted !== null) {
    showReport(root, app, runs.find(({ run_id }) => run_id === wanted), wanted);
    return () => root.classList.remove("runs-reading");
  }
  const isOwner = app.session.role === "owner";
  const plan = isOwner ? await asked(app.api.GET("/api/runs/plan")) : null;
  const chosen = new Set<string>();
  const table = h("div", {}, runTable(app, runs, chosen));
  const start = h("div");
  const jobs = followJobs(app, { nEpochs: plan?.n_epochs ?? 0, changed: () => void again() });
  const showStart = (now: typeof plan): void => {
    if (now) fill(start, startForm(app, now, () => {
      app.say("the run was put into the queue");
      jobs.look();
    }));
  };
  showStart(plan);
  const again = async (): Promise<void> => {
    try {
      fill(table, runTable(app, await asked(app.api.GET("/api/runs")), chosen));
      const isWriting = start.contains(document.activeElement);
      if (isOwner && !isWriting) showStart(await asked(app.api.GET("/api/runs/plan")));
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
  };
  fill(
    root,
    h("h1", {}, "Runs"),
    h("p", { className: "runs-lead" }, "A run teaches a network from the labels of this study, measures it on cases it has never seen, explains its calls and writes a report."),
    h("div", { className: "runs-top" }, isOwner ? start : h("p", {}, "Owners of the study start runs."), jobs.element),
    h("h2", {}, "Runs of this study"),
    table,
  );
  return () => jobs.leave();
};

/** The report in a frame that may run nothing and reach nothing. */
function showReport(root: HTMLElement, app: App, run: Run | undefined, wanted: string): void {
  const back = h("a", { className: "runs-back", href: "#/runs" }, "\u2190 All runs");
  if (!run) {
    fill(root, back, h("p", { className: "problem" }, `There is no run ${wanted} in this study.`));
    return;
  }
  if (!run.has_report) {
    fill(root, back, h("p", {}, `Run ${run.run_id} has no report yet: it was not run to its end.`));
    return;
  }
  const place = h("div", { className: "runs-report" });
  const open = (): void => {
    const frame = h("iframe", { title: `Report of run ${run.run_id}`, className: "runs-frame" });
    frame.setAttribute("sandbox", "");
    frame.src = `/api/runs/${run.run_id}/report`;
    fill(place, frame);
  };
  if (run.is_disclosed) open();
  else fill(place, openingNotice(app, run.run_id, open));
  root.classList.add("runs-reading");
  fill(root, h("div", { className: "runs-head" }, back, h("h1", {}, `Report of run ${run.run_id}${run.name ? `, ${run.name}` : ""}`)), place);
}
