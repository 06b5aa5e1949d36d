// What the page always shows: how many labels are saved, how many wait, and why.

import "./saved.css";
import { fill, h } from "./dom";
import type { Outbox } from "./outbox";

/** The line of the header; it stays in step with the outbox. */
export function savedLine(outbox: Outbox): HTMLElement {
  const counts = h("span", { className: "saved-counts" });
  const problem = h("span", { className: "saved-problem", aria: { role: "status" } });
  const element = h("div", { className: "saved", aria: { role: "group", label: "Saved labels" } });
  element.append(counts, problem);
  let asked = 0;
  const show = (): void => {
    asked = 0;
    counts.textContent = countsOf(outbox);
    element.dataset.state = outbox.problem || outbox.nRefused ? "problem" : outbox.nWaiting ? "waiting" : "saved";
    showProblem(problem, outbox);
  };
  outbox.onChange(() => {
    asked ||= requestAnimationFrame(show);
  });
  show();
  return element;
}

export function countsOf(outbox: Pick<Outbox, "nSaved" | "nWaiting" | "lastSavedAt">): string {
  const last = outbox.lastSavedAt ? `last saved ${timeOf(outbox.lastSavedAt)}` : "none saved yet";
  return `saved ${outbox.nSaved}, waiting ${outbox.nWaiting}, ${last}`;
}

export function timeOf(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Built anew only when the words change, so that a screen reader says them once. */
function showProblem(element: HTMLElement, outbox: Outbox): void {
  const refused = outbox.refused()[0]?.sentence;
  const refusal = refused ? `${outbox.nRefused} not taken: ${refused}` : "";
  const words = [outbox.problem ?? "", refusal].filter(Boolean).join(" · ");
  if (element.dataset.words === words) return;
  element.dataset.words = words;
  const again = outbox.problem && outbox.nWaiting ? button("Try now", () => outbox.wake()) : null;
  const send = refused ? button("Send again", () => void outbox.sendRefused()) : null;
  const drop = refused ? button("Drop them", () => dropAfterAsking(outbox)) : null;
  fill(element, words, again, send, drop);
}

function dropAfterAsking(outbox: Outbox): void {
  const n = outbox.nRefused;
  if (confirm(`Forget ${n} labels that the server did not take? They are not stored anywhere else.`)) {
    void outbox.dropRefused();
  }
}

function button(title: string, run: () => void): HTMLElement {
  return h("button", { type: "button", onclick: run }, title);
}
