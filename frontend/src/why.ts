// The panel for the selected cell: why it is called as it is, after the reader's own label.

import "./why.css";
import { fill, h } from "./dom";
import type { Attach } from "./slide-view";
import { whyAnswers } from "./why-answer";
import type { Why, WhyState } from "./why-answer";
import { showWhy } from "./why-panel";
import { agreement } from "./why-words";
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
  let shown: Why | null = null;

  function show(state: WhyState): void {
    root.hidden = state.kind === "nothing";
    root.setAttribute("aria-busy", String(state.kind === "asking"));
    const why = state.kind === "told" ? state.why : state.kind === "asking" ? state.before : null;
    choice.hidden = edits.root.hidden = !why;
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
    root.remove();
  };
};

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
