// The panel for the selected cell: why it is called as it is, after the reader's own label.

import "./why.css";
import { fill, h } from "./dom";
import type { Attach } from "./slide-view";
import { whyAnswers } from "./why-answer";
import type { Why, WhyState } from "./why-answer";
import { showWhy } from "./why-panel";
import { agreement, LEVEL_NAMES, percent } from "./why-words";
import { whatIf } from "./whatif";

/** A panel in the side column; empty while no cell is selected. */
export const attachWhy: Attach = (view) => {
  const [answers, leave] = whyAnswers(view);
  const body = h("div", { className: "why-body" });
  const edits = whatIf(view);
  const choice = h("p", { className: "why-choice" });
  const title = h("h2", { className: "why-title" }, "Why this call");
  const root = h("section", { className: "why", hidden: true, aria: { label: "Why this call" } });
  root.append(title, body, choice, edits.root);
  // Above the panels that stand there always: it comes and goes with the selected cell.
  view.side.insertBefore(root, view.side.querySelector("section"));
  const chip = chipOf(view.side, root);
  // Beside the picture's own element, which would take its clicks for its own.
  (view.stage.closest(".slide-frame") ?? view.stage).append(chip);
  let shown: Why | null = null;

  function show(state: WhyState): void {
    root.hidden = state.kind === "nothing";
    root.setAttribute("aria-busy", String(state.kind === "asking"));
    const why = state.kind === "told" ? state.why : state.kind === "asking" ? state.before : null;
    choice.hidden = edits.root.hidden = !why;
    chip.hidden = !why;
    if (why) fill(chip, ...verdictWords(why), h("span", { className: "why-chip-more" }, "Why?"));
    if (state.kind === "told") {
      if (state.why !== shown) showWhy(body, state.why);
      fill(choice, ...choiceWords(state.why));
      edits.show(state.cell, state.why);
      view.app.say(spoken(state.why));
    } else if (!why) {
      fill(body, ...wordsOf(state, () => answers.ask()));
    }
    shown = why;
  }
  const stop = answers.onChange(() => show(answers.state));
  const unbind = view.app.keys.bind("Why this call", [
    { code: "KeyK", shown: "K", does: "keep the label after seeing why", run: keep },
    { code: "KeyE", shown: "E", does: "edit the cell: what if", run: () => edits.focus() },
  ]);
  function keep(): void {
    if (answers.state.kind !== "told") return;
    view.app.say(`label kept: ${answers.state.why.label ?? "none"}`);
    view.select(null);
  }
  show(answers.state);
  return () => {
    stop();
    unbind();
    edits.close();
    leave();
    chip.remove();
    root.remove();
  };
};

/** The verdict on the slide itself, for screens on which the panels are folded away. */
function chipOf(side: HTMLElement, panel: HTMLElement): HTMLButtonElement {
  return h("button", {
    type: "button",
    className: "why-chip",
    hidden: true,
    onclick: () => {
      side.closest("main")?.querySelector<HTMLButtonElement>(".slide-fold")?.click();
      panel.scrollIntoView({ block: "start" });
    },
  });
}

function verdictWords(why: Why): HTMLElement[] {
  const isRight = agreement(why);
  const sure = why.call === "positive" ? why.probability : 1 - why.probability;
  const label = why.label ? (LEVEL_NAMES[why.label] ?? why.label) : "not labelled";
  const word = isRight === null ? "" : isRight ? " \u2713" : " \u2260";
  return [
    h("b", { className: "why-chip-call" }, `Model: ${why.call} ${percent(sure)}`),
    h("span", {}, `You: ${label}${word}`),
  ];
}

function wordsOf(state: WhyState, again: () => void): HTMLElement[] {
  if (state.kind === "hidden") {
    return [h("p", { className: "why-wait" }, "Label this cell first: the model\u2019s word is shown after yours.")];
  }
  if (state.kind === "failed") {
    const retry = h("button", { type: "button", onclick: again }, "Ask again");
    return [h("p", { className: "problem" }, state.sentence), retry];
  }
  return [h("p", { className: "why-wait" }, "Explaining this cell \u2026")];
}

function choiceWords(why: Why): (HTMLElement | string)[] {
  const kbd = (text: string): HTMLElement => h("kbd", {}, text);
  const change = [" or change it: ", kbd("0"), kbd("1"), kbd("2"), kbd("3"), kbd("N"), kbd("X")];
  const start = agreement(why) === false ? "You and the model differ. " : "";
  return [`${start}Keep your label `, kbd("K"), ...change, ". Both stay in the journal."];
}

function spoken(why: Why): string {
  const share = Math.round(100 * why.probability);
  return `model: ${why.call}, ${share} percent positive; your label: ${why.label ?? "none"}`;
}
