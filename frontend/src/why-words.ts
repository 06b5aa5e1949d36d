// What an explanation says in words: names of zones, stains and causes, and the first sentence.

import { signed } from "./bars";
import type { Why } from "./why-answer";

export const ZONE_NAMES: Record<string, string> = {
  own_ring: "own membrane",
  own_nucleus: "own nucleus",
  neighbour_rings: "near membrane",
  neighbour_nuclei: "near nuclei",
  rest: "elsewhere",
};
/** The same zones after the name of a colour, as in "brown on its own membrane". */
const ZONE_PLACES: Record<string, string> = {
  own_ring: "on its own membrane",
  own_nucleus: "on its own nucleus",
  neighbour_rings: "on neighbours\u2019 membranes",
  neighbour_nuclei: "on neighbours\u2019 nuclei",
  rest: "elsewhere in the patch",
};
export const STAIN_NAMES: Record<string, string> = {
  dab: "brown (DAB)",
  haematoxylin: "blue (haemat.)",
  residual: "other colour",
};
const CAUSE_NAMES: Record<string, string> = {
  neighbour_membrane: "a neighbour\u2019s membrane",
  neighbour_nucleus: "a neighbour\u2019s nucleus",
  surroundings: "the surroundings",
  own_nucleus: "stain on its own nucleus",
  own_cytoplasm: "stain in its own cytoplasm",
  pigment: "pigment",
  macrophage: "a macrophage",
  faint_stain: "faint stain",
  off_centre: "the click off the middle of the cell",
  out_of_focus: "out of focus",
  slide_edge: "the edge of the slide",
  doubtful_label: "a doubtful label",
};
const REFERENCE_NAMES: Record<string, string> = {
  opposite: "cells of the other call",
  fixed_negatives: "the same negative cells for all",
  white: "clear glass",
  stain_removed: "the cell without DAB",
};

export const LEVEL_NAMES: Record<string, string> = {
  negative: "negative",
  weak: "weak 1+",
  moderate: "moderate 2+",
  strong: "strong 3+",
  other: "no tumour cell",
  cannot_judge: "cannot judge",
};

export function percent(share: number): string {
  const text = (100 * share).toFixed(share < 0.01 || share > 0.99 ? 1 : 0);
  return `${text} %`;
}

export function causeName(cause: string): string {
  return CAUSE_NAMES[cause] ?? cause.replaceAll("_", " ");
}

export function referenceName(why: Why): string {
  const name = REFERENCE_NAMES[why.reference] ?? why.reference.replaceAll("_", " ");
  if (why.reference !== "opposite") return name;
  const kind = why.call === "positive" ? "negative" : "positive";
  return `${why.n_references} ${kind} training cell${why.n_references === 1 ? "" : "s"}`;
}

/** What moved the call most, and what most against it, in one sentence. */
export function firstSentence(why: Why): string {
  const way = why.call === "positive" ? 1 : -1;
  const parts = why.zones.flatMap(({ zone, stains }) =>
    Object.entries(stains).map(([stain, logits]) => ({ zone, stain, logits })),
  );
  parts.sort((one, other) => way * (other.logits - one.logits));
  const [towards, against] = [parts[0], parts.at(-1)];
  if (!towards || !against || way * towards.logits <= 0) {
    return `Logit ${signed(why.logit)}. Nothing in the patch pushed towards the call.`;
  }
  const start = `Logit ${signed(why.logit)}: pushed most by ${placed(towards)}`;
  return way * against.logits < -0.5 ? `${start}, held back most by ${placed(against)}.` : `${start}.`;
}

function placed({ zone, stain, logits }: { zone: string; stain: string; logits: number }): string {
  const colour = { dab: "brown", haematoxylin: "blue" }[stain] ?? "another colour";
  return `${colour} ${ZONE_PLACES[zone] ?? zone} (${signed(logits)})`;
}

/** Whether the call agrees with the reader's own label; null where one cannot tell. */
export function agreement(why: Why): boolean | null {
  if (!why.label || why.label === "other" || why.label === "cannot_judge") return null;
  return (why.label !== "negative") === (why.call === "positive");
}

/** What stands above a map that must not be trusted as it is. */
export function stampsOf(why: Why): string[] {
  const stamps: string[] = [];
  if (!why.is_converged) stamps.push("map not converged");
  if (!why.is_reference_valid) stamps.push("reference not valid");
  if (why.is_small_rise) stamps.push("small rise: shares say nothing");
  return stamps;
}

/** How far the sum of the map misses the rise. */
export function gapWords(why: Why): string {
  if (why.is_small_rise || why.rise === 0) return `${Math.abs(why.gap).toFixed(2)} logits`;
  return `${(100 * Math.abs(why.gap / why.rise)).toFixed(1)} %`;
}
