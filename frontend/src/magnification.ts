// How much the slide is magnified: 10x means one micrometre a screen pixel.

import { h } from "./dom";
import type { Viewer } from "./viewer";

const UM_TIMES_MAGNIFICATION = 10;
const STEPS = [5, 10, 20, 40];
const FACTOR = 1.5;

/** Magnification of a picture whose screen pixels (CSS) cover `umPerPx`. */
export function magnificationOf(umPerPx: number): number {
  return UM_TIMES_MAGNIFICATION / umPerPx;
}

/** Micrometres that a screen pixel covers at a magnification. */
export function umPerPxAt(magnification: number): number {
  return UM_TIMES_MAGNIFICATION / magnification;
}

/** How a magnification is written: two digits that matter, and no more. */
export function shownMagnification(magnification: number): string {
  if (magnification >= 10) return `${Math.round(magnification)}x`;
  return `${Number(magnification.toPrecision(2))}x`;
}

/** Buttons and keys to magnify, and the magnification now. */
export function attachMagnification(view: Viewer): () => void {
  const now = h("output", { className: "magnification-now", aria: { label: "Magnification" } });
  const to = (magnification: number): void =>
    view.magnify(umPerPxAt(magnification), view.pointer() ?? undefined);
  const by = (factor: number): void =>
    view.magnify(view.umPerPx / factor, view.pointer() ?? undefined);
  const inMiddle = (factor: number): void => view.magnify(view.umPerPx / factor);
  const button = (text: string, label: string, run: () => void): HTMLButtonElement =>
    h("button", { type: "button", title: label, onclick: run, aria: { label } }, text);
  const bar = h(
    "div",
    { className: "magnification", aria: { role: "toolbar", label: "Magnification" } },
    button("−", "Magnify less", () => inMiddle(1 / FACTOR)),
    now,
    button("+", "Magnify more", () => inMiddle(FACTOR)),
    button("Whole", "Whole slide", () => view.whole()),
    ...STEPS.map((step) =>
      button(`${step}x`, `${step}x magnification`, () => view.magnify(umPerPxAt(step))),
    ),
  );
  view.frame.append(bar);
  const scanned = magnificationOf(view.slide.mpp);
  const stop = view.onDraw(() => {
    const shown = magnificationOf(view.umPerPx);
    const isBeyond = shown > 1.05 * scanned;
    now.textContent = shownMagnification(shown);
    now.classList.toggle("is-beyond", isBeyond);
    now.title = isBeyond
      ? `more than was scanned (${shownMagnification(scanned)}): no further detail`
      : `scanned at ${shownMagnification(scanned)}`;
  });
  const unbind = view.app.keys.bind("Magnify", [
    ...STEPS.map((step, at) => ({
      code: `Shift+Digit${at + 1}`,
      shown: `Shift+${at + 1}`,
      does: `magnify ${step} times, about the pointer`,
      run: () => to(step),
    })),
    ...["Equal", "Shift+Equal", "BracketRight", "NumpadAdd"].map((code, at) => ({
      code,
      shown: ["+", "Shift++", "]", "Number pad +"][at]!,
      does: "magnify more",
      repeats: true,
      run: () => by(FACTOR),
    })),
    ...["Minus", "NumpadSubtract"].map((code, at) => ({
      code,
      shown: ["-", "Number pad -"][at]!,
      does: "magnify less",
      repeats: true,
      run: () => by(1 / FACTOR),
    })),
    { code: "Home", shown: "Home", does: "show the whole slide", run: () => view.whole() },
  ]);
  view.redraw();
  return () => {
    stop();
    unbind();
    bar.remove();
  };
}
