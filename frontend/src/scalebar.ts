// A bar of a round length in micrometres.

import { h } from "./dom";
import type { Viewer } from "./viewer";

const LONGEST_PX = 180;

/** The longest of 1, 2 and 5 times a power of ten (um) that fits into `longest_px`. */
export function barLength_um(umPerPx: number, longest_px: number = LONGEST_PX): number {
  const longest_um = umPerPx * longest_px;
  const power = 10 ** Math.floor(Math.log10(longest_um) + 1e-9);
  const step = [5, 2, 1].find((each) => each * power <= longest_um * (1 + 1e-9)) ?? 1;
  return step * power;
}

/** How a length is written: in micrometres up to a millimetre. */
export function shownLength(um: number): string {
  return um >= 1000 ? `${Number((um / 1000).toPrecision(3))} mm` : `${Number(um.toPrecision(3))} µm`;
}

export function attachScaleBar(view: Viewer): () => void {
  const text = h("span", { className: "scalebar-text" });
  const line = h("span", { className: "scalebar-line" });
  const bar = h("div", { className: "scalebar", aria: { role: "img" } }, line, text);
  view.frame.append(bar);
  const stop = view.onDraw(() => {
    const um = barLength_um(view.umPerPx);
    line.style.width = `${um / view.umPerPx}px`;
    text.textContent = shownLength(um);
    bar.setAttribute("aria-label", `Scale bar of ${shownLength(um)}`);
  });
  view.redraw();
  return () => {
    stop();
    bar.remove();
  };
}
