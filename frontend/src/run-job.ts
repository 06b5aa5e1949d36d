// A run that is being made: its steps, how far it is, its losses, its last lines, and how to stop it.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";
import { lossDrawing } from "./run-losses";
import { jobSentence, lasted, stepState, stepWords, type Job } from "./run-words";

const EVERY_MS = 1000;
const SIGNS = { done: "\u2713", now: "\u25b6", next: "\u00b7" };
const SAID = { done: "done", now: "now", next: "to come" };

/** Follow the jobs that run or wait; `changed` is called when one has ended or made its run. */
export function followJobs(app: App, { nEpochs, changed }: { nEpochs: number; changed: () => void }) {
  const place = h("div", { className: "runs-jobs" });
  const known = new Map<string, Job["state"]>();
  let timer = 0;
  let isLeft = false;
  let hasTail = false;

  async function look(): Promise<void> {
    clearTimeout(timer);
    if (isLeft) return;
    let again = EVERY_MS * 4;
    try {
      const jobs = await asked(app.api.GET("/api/runs/jobs"));
      const live = jobs.filter(({ state }) => state === "running" || state === "waiting");
      if (!isLeft) await draw(jobs, live);
      if (live.length) again = EVERY_MS;
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
    if (!isLeft) timer = window.setTimeout(() => void look(), again);
  }

  async function draw(jobs: Job[], live: Job[]): Promise<void> {
    let isChanged = false;
    for (const job of jobs) {
      const before = known.get(job.job_id);
      const now = `${job.state}${job.run_id ?? ""}` as Job["state"];
      if (before !== undefined && before !== now) {
        isChanged = true;
        if (job.state !== "running" && job.state !== "waiting") app.say(jobSentence(job), job.state === "failed" ? "problem" : "done");
      }
      known.set(job.job_id, now);
    }
    const latest = jobs[0];
    const ended = latest && !live.length && latest.state !== "done" && isRecent(latest) ? [latest] : [];
    const cards = [...live].reverse().concat(ended);
    const running = live.find(({ state, run_id }) => state === "running" && run_id);
    const epochs = running?.run_id
      ? await asked(app.api.GET("/api/runs/{run_id}/losses", { params: { path: { run_id: running.run_id } } })).catch(() => [])
      : [];
    if (isLeft) return;
    hasTail = place.querySelector<HTMLDetailsElement>("details")?.open ?? hasTail;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.keep : undefined;
    fill(place, ...cards.map((job) => card(job, job === running ? lossDrawing(epochs, job.step === "train" && job.n_all > 0 ? job.n_all : nEpochs) : null)));
    if (focused) place.querySelector<HTMLElement>(`[data-keep="${CSS.escape(focused)}"]`)?.focus();
    if (isChanged) changed();
  }

  function card(job: Job, losses: HTMLElement | null): HTMLElement {
    const isLive = job.state === "running" || job.state === "waiting";
    const stop = h("button", { type: "button", data: { keep: `stop-${job.job_id}` } }, job.state === "waiting" ? "Take it out of the queue" : "Stop the run");
    stop.onclick = () => void stopped(job, stop);
    const name = job.name ? ` \u201c${job.name}\u201d` : "";
    return h(
      "section",
      { className: "runs-card runs-job", data: { state: job.state } },
      h("h2", {}, `${job.run_id ? `Run ${job.run_id}` : job.is_continued ? "Continued run" : "New run"}${name}`),
      h("p", { className: job.state === "failed" ? "problem" : "runs-now" }, jobSentence(job)),
      job.state === "running" ? bar(job) : null,
      job.state === "running" ? steps(job) : null,
      losses,
      tail(job),
      h(
        "p",
        { className: "runs-quiet" },
        [`asked for by ${job.asked_by}`, job.started_at ? lasted(job.started_at, job.ended_at, Date.now()) : ""].filter(Boolean).join(", "),
      ),
      isLive && app.session.role === "owner" ? stop : null,
    );
  }

  function tail(job: Job): HTMLElement | null {
    if (job.state === "waiting" || !job.log_tail.length) return null;
    return h("details", { open: hasTail }, h("summary", { data: { keep: `tail-${job.job_id}` } }, "What the program said"), h("pre", { className: "runs-tail", tabIndex: 0 }, job.log_tail.join("\n")));
  }

  async function stopped(job: Job, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    app.say("stopping");
    try {
      const path = { job_id: job.job_id };
      app.say(jobSentence(await asked(app.api.POST("/api/runs/jobs/{job_id}/stop", { params: { path } }))));
    } catch (error) {
      app.say(error instanceof ApiError ? error.message : String(error), "problem");
    }
    await look();
  }

  void look();
  return {
    element: place,
    look: () => void look(),
    leave: (): void => {
      isLeft = true;
      clearTimeout(timer);
    },
  };
}

function bar(job: Job): HTMLElement {
  const part = job.n_all > 0 ? Math.min(1, job.n_done / job.n_all) : 0;
  const at = job.step ? job.steps.indexOf(job.step) : 0;
  return h("progress", { className: "runs-bar", max: job.steps.length, value: Math.max(0, at) + part, aria: { label: jobSentence(job) } });
}

function steps(job: Job): HTMLElement {
  const items = job.steps.map((step) => {
    const state = stepState(job, step);
    const sign = h("span", { className: "runs-step-sign", aria: { hidden: "true" } }, SIGNS[state]);
    const said = h("span", { className: "runs-step-said" }, ` (${SAID[state]})`);
    return h("li", { className: "runs-step", data: { state } }, sign, stepWords(step), said);
  });
  return h("ol", { className: "runs-steps", aria: { label: "Steps of the run" } }, ...items);
}

/** Within the last hour: what ended before is in the list of runs. */
function isRecent(job: Job): boolean {
  return Date.now() - Date.parse(job.ended_at || job.asked_at) < 3_600_000;
}
