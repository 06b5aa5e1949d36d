// What if the cell were stained otherwise: sliders, the edited patch, and the logit before and after.

import { logitScale, signed } from "./bars";
import { asked } from "./api";
import { fill, h } from "./dom";
import type { components } from "./openapi";
import type { CellRef } from "./outbox";
import type { SlideView } from "./slide-view";
import { bodyOf } from "./why-answer";
import type { Why } from "./why-answer";
import { percent } from "./why-words";

type Answer = components["schemas"]["WhatIfOut"];

/** Names of the edits as the server takes them. */
export type EditName = "dab_own" | "dab_neighbours" | "lighten_nuclei" | "dx_um" | "dy_um";
export type Edits = Record<EditName, number>;

interface SliderFacts {
  name: EditName;
  title: string;
  least: number;
  most: number;
  step: number;
  /** From what stands on the slider to what is sent. */
  share: number;
  unit: string;
}

export const SLIDERS: SliderFacts[] = [
  slider("dab_own", "Fade its own brown"),
  slider("dab_neighbours", "Fade its neighbours\u2019 brown"),
  slider("lighten_nuclei", "Lighten neighbouring nuclei"),
  { name: "dx_um", title: "Click right", least: -6, most: 6, step: 0.5, share: 1, unit: "\u00b5m" },
  { name: "dy_um", title: "Click down", least: -6, most: 6, step: 0.5, share: 1, unit: "\u00b5m" },
];
const WAIT_MS = 60;

function slider(name: EditName, title: string): SliderFacts {
  return { name, title, least: 0, most: 100, step: 5, share: 100, unit: "%" };
}

export interface WhatIfPanel {
  readonly root: HTMLElement;
  show(cell: CellRef, why: Why): void;
  focus(): void;
  close(): void;
}

/** The panel; it asks the server while a slider moves, one request at a time, the latest last. */
export function whatIf(view: SlideView): WhatIfPanel {
  const inputs = new Map<EditName, HTMLInputElement>();
  const outputs = new Map<EditName, HTMLOutputElement>();
  const result = h("div", { className: "whatif-result" });
  const reset = h("button", { type: "button", onclick: () => restart() }, "Reset");
  const root = h(
    "details",
    { className: "whatif" },
    h("summary", {}, "What if \u2026 ", h("kbd", {}, "E")),
    result,
    h("div", { className: "whatif-sliders" }, ...SLIDERS.map(row)),
    reset,
  );
  let now: { cell: CellRef; why: Why } | null = null;
  const questions = latestOnly(ask, WAIT_MS);

  function row(facts: SliderFacts): HTMLElement {
    const input = h("input", {
      type: "range",
      min: String(facts.least),
      max: String(facts.most),
      step: String(facts.step),
      value: "0",
      id: `whatif-${facts.name}`,
      oninput: () => {
        tell(facts);
        questions.ask();
      },
    });
    const output = h("output", {}, worded(facts, 0));
    output.htmlFor.add(input.id);
    inputs.set(facts.name, input);
    outputs.set(facts.name, output);
    const name = h("label", { htmlFor: input.id }, facts.title);
    return h("div", { className: "whatif-row", data: { unit: facts.unit } }, name, output, input);
  }
  function tell(facts: SliderFacts): void {
    const value = Number(inputs.get(facts.name)!.value);
    fill(outputs.get(facts.name)!, worded(facts, value));
    inputs.get(facts.name)!.setAttribute("aria-valuetext", worded(facts, value));
  }
  function edits(): Edits {
    const found = SLIDERS.map(({ name, share }) => [name, Number(inputs.get(name)!.value) / share]);
    return Object.fromEntries(found) as Edits;
  }
  async function ask(isLatest: () => boolean): Promise<void> {
    const about = now;
    if (!about) return;
    try {
      const body = { ...bodyOf(view, about.cell), ...edits() } as never;
      const answer = await asked(view.app.api.POST("/api/what-if", { body }));
      if (isLatest() && now === about) fill(result, ...told(about.why, answer));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (isLatest() && now === about) fill(result, h("p", { className: "problem" }, text));
    }
  }
  function restart(): void {
    for (const facts of SLIDERS) {
      inputs.get(facts.name)!.value = "0";
      tell(facts);
    }
    questions.stop();
    fill(result, ...(now ? untouched(now.why) : []));
  }
  return {
    root,
    show(cell, why) {
      if (now?.why === why) return;
      now = { cell, why };
      restart();
    },
    focus() {
      if (root.hidden) return;
      root.open = true;
      inputs.get("dab_own")!.focus();
      root.scrollIntoView({ block: "nearest" });
    },
    close: () => questions.stop(),
  };
}

function worded({ unit }: SliderFacts, value: number): string {
  const text = unit === "%" ? `${value}` : signed(value);
  return `${text} ${unit}`;
}

function untouched(why: Why): HTMLElement[] {
  return [
    patch(why.pictures.patch, "Before", `logit ${signed(why.logit)}`),
    patch(why.pictures.patch, "Edited", "not edited yet"),
    logitScale([{ value: why.logit, sign: "\u25cf", kind: "now" }], {
      label: `logit ${signed(why.logit)}`,
    }),
    h("p", { className: "whatif-say" }, "Move a slider: the patch is edited and the model asked again."),
  ];
}

/** The patch beside the edited one, and both logits on one scale. */
function told(why: Why, answer: Answer): HTMLElement[] {
  const { logit_before: before, logit: after } = answer;
  const isTurned = before > 0 !== after > 0;
  const words = `${callOf(before)} ${percent(answer.probability_before)} \u2192 ${callOf(after)} ${percent(answer.probability)}`;
  return [
    patch(why.pictures.patch, "Before", `logit ${signed(before)}`),
    patch(answer.picture, "Edited", `logit ${signed(after)}`),
    logitScale(
      [
        { value: before, sign: "\u25cb", kind: "before" },
        { value: after, sign: "\u25cf", kind: "now" },
      ],
      { label: `logit before ${signed(before)}, after ${signed(after)}` },
    ),
    h(
      "p",
      { className: "whatif-say", data: { turned: String(isTurned) }, aria: { live: "polite" } },
      `Logit ${signed(before)} \u2192 ${signed(after)} (${signed(after - before)}). `,
      h("b", {}, isTurned ? "The call flips: " : "The call stays: "),
      words,
    ),
    h("p", { className: "why-note" }, "An edit shows what the model responds to, not what is true of the cell."),
  ];
}

function callOf(logit: number): string {
  return logit > 0 ? "positive" : "negative";
}

function patch(src: string, title: string, caption: string): HTMLElement {
  const image = h("img", { src, alt: `${title}, ${caption}`, width: 256, height: 256, draggable: false });
  return h(
    "figure",
    { className: "why-figure" },
    h("span", { className: "why-frame" }, image, h("span", { className: "why-click" })),
    h("figcaption", {}, h("b", {}, title), h("span", {}, caption)),
  );
}

/** Runs one question at a time; of those asked meanwhile only the latest is asked after it. */
export function latestOnly(
  run: (isLatest: () => boolean) => Promise<void>,
  wait_ms: number,
): { ask(): void; stop(): void } {
  let number = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;
  let isWaiting = false;
  async function go(): Promise<void> {
    if (isRunning) {
      isWaiting = true;
      return;
    }
    isRunning = true;
    const mine = number;
    try {
      await run(() => mine === number);
    } finally {
      isRunning = false;
      if (isWaiting) {
        isWaiting = false;
        void go();
      }
    }
  }
  return {
    ask() {
      number += 1;
      clearTimeout(timer);
      timer = setTimeout(() => void go(), wait_ms);
    },
    stop() {
      number += 1;
      isWaiting = false;
      clearTimeout(timer);
    },
  };
}
