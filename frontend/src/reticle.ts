// A ring of the size of a cell at the pointer.

import { h } from "./dom";
import { storedSwitch } from "./stored";
import type { Viewer } from "./viewer";

const DIAMETER_UM = 10;
const SMALLEST_PX = 4;

export function attachReticle(view: Viewer): () => void {
  const isWanted = storedSwitch("reticle", false);
  const ring = h("div", { className: "reticle", hidden: true, aria: { hidden: "true" } });
  view.stage.append(ring);
  const place = (): void => {
    const at = view.pointer();
    const px = DIAMETER_UM / view.umPerPx;
    ring.hidden = !isWanted.get() || !at || px < SMALLEST_PX;
    if (!at || ring.hidden) return;
    ring.style.width = ring.style.height = `${px}px`;
    ring.style.transform = `translate(${at.x - px / 2}px, ${at.y - px / 2}px)`;
  };
  const stops = [
    view.onPointer(place),
    view.onDraw(place),
    view.addLayer({
      name: "reticle",
      title: `Ring of ${DIAMETER_UM} µm at the pointer`,
      key: { code: "KeyR", shown: "R" },
      isHabit: true,
      get isOn() {
        return isWanted.get();
      },
      setOn(on) {
        isWanted.set(on);
        place();
      },
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    ring.remove();
  };
}
