// The losses of a run, drawn as it learns: training and validation, pass by pass.

import { h } from "./dom";
import type { components } from "./openapi";
import { s } from "./svg";

type Epoch = components["schemas"]["EpochOut"];

const WIDTH = 560;
const HEIGHT = 200;
const LEFT = 44;
const RIGHT = 96;
const TOP = 12;
const BOTTOM = 34;

/** Draw the losses of the part that is learnt last; `nEpochs` is how far the axis reaches. */
export function lossDrawing(epochs: Epoch[], nEpochs: number): HTMLElement {
  const fold = Math.max(0, ...epochs.map((one) => one.fold));
  const mine = epochs.filter((one) => one.fold === fold);
  if (!mine.length) {
    return h("p", { className: "runs-quiet" }, "The losses are drawn here after the first pass over the cells.");
  }
  const most = Math.max(...mine.flatMap((one) => [one.train_loss ?? 0, one.validation_loss ?? 0]));
  const end = niceEnd(most);
  const last = Math.max(nEpochs, mine.length, 2);
  const x = (epoch: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * epoch) / (last - 1);
  const y = (loss: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - loss / end);
  const drawn = s("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: "runs-losses",
    role: "img",
    "aria-label": lossWords(mine),
  });
  for (let tick = 0; tick <= 2; tick += 1) {
    const value = (end * tick) / 2;
    drawn.append(
      s("path", { d: `M${LEFT} ${y(value)}H${WIDTH - RIGHT}`, class: "runs-grid" }),
      s("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, shortNumber(value)),
    );
  }
  for (const epoch of new Set([0, Math.floor((last - 1) / 2), last - 1])) {
    drawn.append(s("text", { x: x(epoch), y: HEIGHT - 16, "text-anchor": "middle" }, String(epoch + 1)));
  }
  drawn.append(s("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, "pass over the cells"));
  const ends: number[] = [];
  for (const [name, key] of [["training", "train_loss"], ["validation", "validation_loss"]] as const) {
    const points = mine.filter((one) => one[key] !== null).map((one) => ({ x: x(one.epoch), y: y(one[key] ?? 0) }));
    const final = points.at(-1);
    if (!final) continue;
    drawn.append(
      s("path", { d: `M${points.map((at) => `${at.x.toFixed(1)} ${at.y.toFixed(1)}`).join("L")}`, class: `runs-loss runs-loss-${name}` }),
      ...points.map((at) => mark(name, at)),
    );
    let below = final.y + 4;
    if (ends.some((used) => Math.abs(used - below) < 14)) below += below > HEIGHT / 2 ? -14 : 14;
    ends.push(below);
    drawn.append(s("text", { x: final.x + 8, y: below, class: `runs-loss-name runs-loss-name-${name}` }, name));
  }
  const parts = fold > 0 ? `Part ${fold + 1}. ` : "";
  return h(
    "figure",
    { className: "runs-figure" },
    drawn as unknown as HTMLElement,
    h(
      "figcaption",
      {},
      `${parts}Loss: the lower the better. Training stops by itself when the validation line no longer falls.`,
    ),
  );
}

/** The losses as a sentence. */
export function lossWords(epochs: Epoch[]): string {
  const last = epochs.at(-1);
  if (!last) return "no pass yet";
  const known = epochs.filter((one) => one.validation_loss !== null);
  const best = known.reduce<Epoch | null>(
    (least, one) => (least && (least.validation_loss ?? 0) <= (one.validation_loss ?? 0) ? least : one),
    null,
  );
  const words = [`loss after pass ${last.epoch + 1}: training ${textOf(last.train_loss)}`, `validation ${textOf(last.validation_loss)}`];
  if (best) words.push(`lowest validation loss ${textOf(best.validation_loss)} in pass ${best.epoch + 1}`);
  return words.join(", ");
}

function mark(name: "training" | "validation", at: { x: number; y: number }): SVGElement {
  if (name === "training") return s("rect", { x: at.x - 2.5, y: at.y - 2.5, width: 5, height: 5, class: "runs-dot runs-dot-training" });
  return s("circle", { cx: at.x, cy: at.y, r: 3, class: "runs-dot runs-dot-validation" });
}

const textOf = (loss: number | null): string => (loss === null ? "undefined" : loss.toFixed(3));

/** A number without zeros that say nothing. */
const shortNumber = (value: number): string => String(Number(value.toFixed(3)));

/** The first of a few round numbers that reaches as far as the largest loss. */
export function niceEnd(most: number): number {
  return [0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 4, 10].find((end) => end >= most) ?? Math.ceil(most);
}
