// Runs in words: steps, states, figures with their intervals, durations.

import type { components } from "./openapi";

export type Run = components["schemas"]["RunOut"];
export type Job = components["schemas"]["JobOut"];
export type Figure = components["schemas"]["IntervalOut"];

const STEPS: Record<string, string> = {
  train: "Learn from the labels",
  evaluate: "Measure on held-out cases",
  explain: "Explain calls",
  validate: "Compare stain with the readers' levels",
  membranes: "Outline membranes",
  quality: "Check the maps",
  causes: "Find causes of wrong calls",
  report: "Write the report",
};

const RUN_STATES: Record<Run["state"], string> = {
  finished: "finished",
  trained: "trained, not finished",
  stopped: "stopped",
  running: "running now",
  damaged: "damaged",
};

const FIGURES: Record<string, string> = {
  accuracy: "Accuracy",
  f1: "F1",
  auc: "AUC",
  sensitivity: "Sensitivity",
  specificity: "Specificity",
};

export const stepWords = (step: string): string => STEPS[step] ?? step;
export const stateWords = (state: Run["state"]): string => RUN_STATES[state];
export const figureWords = (name: string): string => FIGURES[name] ?? name;

/** "0.965 (0.935 to 0.985)"; "undefined" where there is none, never 0. */
export function intervalWords(figure: Figure | undefined, isDifference = false): string {
  if (!figure || figure.value === null) return "undefined";
  const text = (value: number): string => signedText(value, isDifference);
  if (figure.low === null || figure.high === null) return text(figure.value);
  return `${text(figure.value)} (${text(figure.low)} to ${text(figure.high)})`;
}

function signedText(value: number, isSigned: boolean): string {
  const text = Math.abs(value).toFixed(3);
  if (!isSigned) return value < 0 ? `\u2212${text}` : text;
  return Number(text) === 0 ? text : `${value < 0 ? "\u2212" : "+"}${text}`;
}

/** What the interval of a difference shows; only one that leaves out 0 shows something. */
export function differenceWords(figure: Figure): "better" | "worse" | "no difference shown" | "undefined" {
  if (figure.value === null || figure.low === null || figure.high === null) return "undefined";
  if (figure.low > 0) return "better";
  if (figure.high < 0) return "worse";
  return "no difference shown";
}

/** "3 min 20 s" between two times of the server, or until now. */
export function lasted(from: string, to: string, now: number): string {
  const start = Date.parse(from);
  const end = to ? Date.parse(to) : now;
  if (Number.isNaN(start) || Number.isNaN(end)) return "";
  const seconds = Math.max(0, Math.round((end - start) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** The day and minute of a time, as the person's computer writes them. */
export function whenWords(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** Where a job stands, as one sentence for the eye and for a screen reader. */
export function jobSentence(job: Job): string {
  const name = job.run_id ? `Run ${job.run_id}` : "The run";
  if (job.state === "waiting") return "Waiting for the run before it to end";
  if (job.state === "done") return `${name} is finished`;
  if (job.state === "failed") return `${name} failed: ${job.sentence}`;
  if (job.state === "stopped") {
    return `${name} was stopped${job.sentence ? `: ${job.sentence}` : "; what it has done is kept and can be continued"}`;
  }
  if (!job.step) return `${name} is starting`;
  const at = job.steps.indexOf(job.step) + 1;
  const parts = job.n_all > 0 ? `, ${job.n_done} of ${job.n_all}` : "";
  return `${name}, step ${at} of ${job.steps.length}: ${stepWords(job.step)}${parts}`;
}

/** The step before the one in hand is done, the others are to come. */
export function stepState(job: Job, step: string): "done" | "now" | "next" {
  if (job.state === "done") return "done";
  const at = job.step ? job.steps.indexOf(job.step) : -1;
  const mine = job.steps.indexOf(step);
  if (mine < at) return "done";
  return mine === at && job.state === "running" ? "now" : "next";
}
