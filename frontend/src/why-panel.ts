// The panel of one explanation, from top to bottom in the order in which it is read.

import { amountBars, divergingBars, logitScale, signed } from "./bars";
import { fill, h } from "./dom";
import type { Why } from "./why-answer";
import {
  agreement,
  causeName,
  firstSentence,
  gapWords,
  LEVEL_NAMES,
  percent,
  referenceName,
  stampsOf,
  STAIN_NAMES,
  ZONE_NAMES,
} from "./why-words";

const ZONES = ["own_ring", "own_nucleus", "neighbour_rings", "neighbour_nuclei", "rest"];

/** Fill `root` with all that is told of a cell but what can be done with it. */
export function showWhy(root: HTMLElement, why: Why): void {
  fill(
    root,
    verdict(why),
    pictures(why),
    parts(why),
    densities(why),
    causes(why),
    nearest(why),
    about(why),
  );
}

function verdict(why: Why): HTMLElement {
  const isRight = agreement(why);
  const sure = why.call === "positive" ? why.probability : 1 - why.probability;
  const call = h(
    "p",
    { className: "why-call", data: { call: why.call } },
    h("span", { className: "why-sign", aria: { hidden: "true" } }, why.call === "positive" ? "+" : "\u2212"),
    h("span", {}, `Model: ${why.call}`),
    h("span", { className: "why-share", title: "calibrated probability of this call" }, percent(sure)),
  );
  const label = why.label ? (LEVEL_NAMES[why.label] ?? why.label) : "not labelled by you";
  const words = isRight === null ? "" : isRight ? "\u2713 agrees" : "\u2260 differs";
  const mine = h(
    "p",
    { className: "why-mine" },
    `You: ${label} `,
    words && h("b", { className: isRight ? "why-agrees" : "why-differs" }, words),
  );
  const scale = logitScale([{ value: why.logit, sign: "\u25cf", kind: "now" }], {
    label: `logit ${signed(why.logit)}; above ${why.threshold} the call is positive`,
    threshold: why.threshold,
  });
  return h(
    "div",
    { className: "why-verdict" },
    call,
    mine,
    scale,
    h("p", { className: "why-first" }, firstSentence(why)),
  );
}

function pictures(why: Why): HTMLElement {
  const mask = why.outline_reason
    ? `no outline: ${why.outline_reason}`
    : `what the call rests on${why.completeness === null ? "" : `, ${percent(why.completeness)} of the way round`}`;
  const grid = h(
    "div",
    { className: "why-pictures" },
    figure(why.pictures.patch, "Patch", `${why.box.width_um.toFixed(0)} \u00b5m wide`, []),
    figure(why.pictures.overlay, "Heat map", "what moved the logit", stampsOf(why)),
    figure(why.pictures.mask, "Contributing pixels", mask, []),
    figure(why.pictures.reference, "Reference", `one of ${referenceName(why)}`, []),
  );
  return h("div", {}, grid, colourBar(why));
}

function figure(src: string, title: string, caption: string, stamps: string[]): HTMLElement {
  const image = h("img", { src, alt: `${title}: ${caption}`, width: 256, height: 256, draggable: false });
  const click = h("span", { className: "why-click", aria: { hidden: "true" } });
  const frame = h("span", { className: "why-frame" }, image, click);
  for (const stamp of stamps) frame.append(h("span", { className: "why-stamp" }, stamp));
  return h(
    "figure",
    { className: "why-figure" },
    frame,
    h("figcaption", {}, h("b", {}, title), h("span", {}, caption)),
  );
}

function colourBar(why: Why): HTMLElement {
  const end = why.scale.logits.toPrecision(2);
  const bar = h("img", { src: why.pictures.bar, alt: "", className: "why-bar" });
  return h(
    "div",
    { className: "why-legend" },
    h("span", { className: "why-ends" }, h("span", {}, "\u25c0 towards negative"), h("span", {}, "towards positive \u25b6")),
    bar,
    h("span", { className: "why-ends" }, h("span", {}, `\u2212${end}`), h("span", {}, "0"), h("span", {}, `+${end}`)),
    h("p", { className: "why-note" }, `${why.unit}; ends of the colours of ${why.scale.of}`),
  );
}

function parts(why: Why): HTMLElement {
  const of = new Map(why.zones.map((zone) => [zone.zone, zone]));
  const zones = ZONES.flatMap((name) => of.get(name) ?? []).map((zone) => ({
    name: ZONE_NAMES[zone.zone] ?? zone.zone,
    value: zone.logits,
    title: Object.entries(zone.stains)
      .map(([stain, logits]) => `${STAIN_NAMES[stain] ?? stain} ${signed(logits)}`)
      .join(", "),
  }));
  const stains = ["dab", "haematoxylin", "residual"].flatMap(
    (name) => why.stains.find(({ stain }) => stain === name) ?? [],
  );
  const bars = stains.map(({ stain, logits }) => ({ name: STAIN_NAMES[stain] ?? stain, value: logits }));
  const most = Math.max(0.5, ...[...zones, ...bars].map(({ value }) => Math.abs(value)));
  const start = `from clear glass (${signed(why.glass_logit)}) to this cell (${signed(why.logit)})`;
  return h(
    "section",
    { className: "why-parts" },
    h("h3", {}, "Where the logit comes from"),
    h("p", { className: "why-note" }, `${start}, in logits`),
    divergingBars(zones, { label: "Logits by place", most }),
    divergingBars(bars, { label: "Logits by stain", most }),
    !why.parts_converged && h("p", { className: "why-stamp-line" }, "not converged: read with care"),
    !why.is_nucleus_found && h("p", { className: "why-note" }, "No nucleus found at the click: its membrane is taken to lie 3 to 8 \u00b5m around it."),
  );
}

function densities(why: Why): HTMLElement {
  const { od } = why;
  const rows = [
    { name: "map\u2019s top pixels", value: od.attributed, isStrong: true },
    ...(od.membrane === null ? [] : [{ name: "in the outline", value: od.membrane, isStrong: true }]),
    { name: "ring 3\u20138 \u00b5m", value: od.ring },
    { name: "disc 8 \u00b5m", value: od.disc },
    { name: "whole patch", value: od.whole_patch },
  ];
  return h(
    "section",
    { className: "why-od" },
    h("h3", {}, "Brown (DAB), optical density"),
    amountBars(rows, { label: "DAB optical density" }),
    h("p", { className: "why-note" }, "Brown bars: where the model points. Grey: around the click, without a model."),
  );
}

function causes(why: Why): HTMLElement | false {
  if (!why.causes.length) return false;
  const rows = why.causes.map((cause) => {
    const name = causeName(cause.cause);
    const before = cause.logit_before === null ? "" : signed(cause.logit_before);
    const after = cause.logit_after === null ? "" : ` \u2192 ${signed(cause.logit_after)}`;
    const kind = cause.is_confirmed ? "confirmed by an edit" : "by the map only";
    const placebo =
      cause.placebo_logit === null ? "" : `; same edit elsewhere: ${signed(cause.placebo_logit)}`;
    return h(
      "li",
      {},
      h("b", {}, name),
      ` \u2013 ${kind}${after ? `: logit ${before}${after}${placebo}` : ""}`,
    );
  });
  return h(
    "section",
    { className: "why-causes" },
    h("h3", {}, "Cause found for this call"),
    h("ul", {}, ...rows),
  );
}

function nearest(why: Why): HTMLElement | false {
  if (!why.nearest.length) return false;
  const cells = why.nearest.map((cell) => {
    const query = new URLSearchParams({
      x_l0: String(cell.x_l0),
      y_l0: String(cell.y_l0),
      um: "32",
      px: "96",
    });
    const label = LEVEL_NAMES[cell.expression] ?? cell.expression;
    return h(
      "figure",
      { className: "why-near", data: { level: cell.expression } },
      h("img", {
        src: `/api/slides/${encodeURIComponent(cell.slide_id)}/patch.png?${query}`,
        alt: `training cell labelled ${label}`,
        width: 96,
        height: 96,
        loading: "lazy",
      }),
      h("figcaption", {}, label),
    );
  });
  return h(
    "section",
    { className: "why-nearest" },
    h("h3", {}, "Training cells that look alike to the model"),
    h("div", { className: "why-near-row" }, ...cells),
  );
}

function about(why: Why): HTMLElement {
  const lines = [
    why.caption,
    `Reference: ${referenceName(why)}, logit ${signed(why.reference_logit)}; rise ${signed(why.rise)}; the map misses ${gapWords(why)} of it.`,
    `Model: ${why.model}.`,
    "A map shows what moved the model, not what is true of the cell. Research use only.",
  ];
  return h(
    "details",
    { className: "why-about" },
    h("summary", {}, "Reference, gap, model"),
    ...lines.map((line) => h("p", { className: "why-note" }, line)),
  );
}
