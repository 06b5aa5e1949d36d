// Two runs compared, in words that do not claim more than the intervals show.

import type { components } from "./openapi";
import { differenceWords, intervalWords } from "./run-words";

type Comparison = components["schemas"]["ComparisonOut"];

/** Whether one run is better, by F1 on all common cells. */
export function answerWords(found: Comparison): string {
  const all = found.subsets.find((one) => one.name === "all");
  const f1 = all?.figures.find((one) => one.name === "f1");
  const [a, b] = [found.first.run_id, found.second.run_id];
  if (!f1) return `Runs ${a} and ${b} cannot be compared by F1.`;
  const numbers = `F1 ${intervalWords(f1.difference, true)}`;
  const shown = differenceWords(f1.difference);
  if (all?.reason) return `Too little to say which is better: ${numbers}. ${all.reason}.`;
  if (shown === "better") return `Run ${b} is better than run ${a}: ${numbers}.`;
  if (shown === "worse") return `Run ${b} is worse than run ${a}: ${numbers}.`;
  if (shown === "undefined") return `Runs ${a} and ${b} cannot be compared by F1: it is undefined.`;
  return `No difference between run ${a} and run ${b} is shown: ${numbers}.`;
}

/** On which cells the comparison rests, and which are left out of it. */
export function subsetWords(found: Comparison): string {
  const words = [
    `On the ${found.n_common} cells of ${found.n_cases} cases that neither run had seen; the interval of 95 % is over cases.`,
  ];
  const left: string[] = [];
  if (found.n_first_only) left.push(`${found.n_first_only} held out in run ${found.first.run_id} alone`);
  if (found.n_second_only) left.push(`${found.n_second_only} held out in run ${found.second.run_id} alone`);
  if (found.n_relabelled) left.push(`${found.n_relabelled} whose label has changed between the runs`);
  if (left.length) words.push(`Left out: ${left.join(", ")}.`);
  return words.join(" ");
}

/** What was different when the runs were made. */
export function settingWords(found: Comparison): string[] {
  const lines: string[] = [];
  const [a, b] = [found.first.n_trained_cells, found.second.n_trained_cells];
  const cells = (n: number): string => `${n.toLocaleString("en")} labelled cells`;
  if (a !== b) lines.push(`Run ${found.first.run_id} was made with ${cells(a)}, run ${found.second.run_id} with ${cells(b)}.`);
  for (const { name, first, second } of found.settings) lines.push(`${name}: ${first}, then ${second}`);
  if (!lines.length) lines.push("The settings are the same, and both have as many labelled cells.");
  return lines;
}
