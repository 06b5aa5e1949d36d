// The folded panel of options of this browser.

import { h } from "./dom";
import type { SlideView } from "./slide-view";

/** Add a row with a control to the options; the returned function takes it away. */
export function optionRow(view: SlideView, title: string, control: HTMLElement): () => void {
  const row = h("label", { className: "view-options-row" }, h("span", {}, title), control);
  panelOf(view).append(row);
  return () => row.remove();
}

function panelOf(view: SlideView): HTMLElement {
  const found = view.side.querySelector<HTMLElement>(".view-options");
  if (found) return found;
  const summary = h("summary", {}, "Mouse, gamepad and reticle");
  const panel = h("details", { className: "view-options" }, summary);
  view.side.append(panel);
  return panel;
}
