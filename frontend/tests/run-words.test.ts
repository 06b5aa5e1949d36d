import { expect, test } from "vitest";
import { niceEnd, lossWords } from "../src/run-losses";
import { differenceWords, intervalWords, jobSentence, lasted, stepState, type Job } from "../src/run-words";

const job: Job = {
  job_id: "a", name: "", asked_by: "anna", state: "running", asked_at: "", started_at: "", ended_at: "", run_id: "0003",
  is_continued: false, sentence: "", steps: ["train", "evaluate", "report"], step: "evaluate", what: "", n_done: 2, n_all: 5, log_tail: [],
};

test("a figure without a value is undefined and never 0", () => {
  expect(intervalWords({ value: null, low: null, high: null, is_reliable: false })).toBe("undefined");
  expect(intervalWords({ value: 0.5, low: null, high: null, is_reliable: false })).toBe("0.500");
});

test("a difference is shown only where its interval leaves out 0", () => {
  const of = (low: number, high: number) => differenceWords({ value: (low + high) / 2, low, high, is_reliable: true });
  expect([of(0.01, 0.02), of(-0.02, -0.01), of(-0.01, 0.03)]).toEqual(["better", "worse", "no difference shown"]);
});

test("a job says its step and how far it is", () => {
  expect(jobSentence(job)).toBe("Run 0003, step 2 of 3: Measure on held-out cases, 2 of 5");
  expect(jobSentence({ ...job, state: "failed", sentence: "too few cells" })).toBe("Run 0003 failed: too few cells");
  expect(["train", "evaluate", "report"].map((step) => stepState(job, step))).toEqual(["done", "now", "next"]);
});

test("times and losses are words", () => {
  expect(lasted("2026-01-01T00:00:00Z", "2026-01-01T00:03:20Z", 0)).toBe("3 min 20 s");
  expect(lossWords([{ fold: 0, epoch: 0, train_loss: 0.5, validation_loss: null }])).toBe("loss after pass 1: training 0.500, validation undefined");
  expect(niceEnd(0.55)).toBe(0.6);
});
