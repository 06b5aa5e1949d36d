// The question that goes before predictions of cells without one's own label are shown.

import "./disclosure.css";
import { h } from "./dom";

export interface Question {
  title: string;
  lines: string[];
  /** What the button says that discloses. */
  act: string;
}

/** Ask whether to disclose; the safe answer has the focus. Resolves to what was answered. */
export function askToDisclose({ title, lines, act }: Question): Promise<boolean> {
  return new Promise((answer) => {
    const keep = h("button", { type: "button" }, "Keep hidden");
    const show = h("button", { type: "button", className: "disclosure-act" }, act);
    const dialog = h(
      "dialog",
      { className: "disclosure", aria: { label: title } },
      h("h2", {}, title),
      ...lines.map((line) => h("p", {}, line)),
      h("div", { className: "disclosure-buttons" }, keep, show),
    );
    const end = (isShown: boolean): void => {
      dialog.close();
      dialog.remove();
      answer(isShown);
    };
    keep.onclick = () => end(false);
    show.onclick = () => end(true);
    dialog.oncancel = (event) => {
      event.preventDefault();
      end(false);
    };
    // Label keys must not reach the slide behind the question.
    dialog.onkeydown = (event) => event.stopPropagation();
    document.body.append(dialog);
    dialog.showModal();
    keep.focus();
  });
}
