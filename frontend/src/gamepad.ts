// Panning and magnifying with a gamepad; 63 of 100 pathologists want more than a mouse.

import { h } from "./dom";
import { storedSwitch } from "./stored";
import { optionRow } from "./view-options";
import type { Viewer } from "./viewer";

const DEAD = 0.15;
const PX_A_SECOND = 1100;
const DOUBLINGS_A_SECOND = 1.6;
const PAD = { up: 12, down: 13, left: 14, right: 15, less: 6, more: 7 };

export interface Motion {
  dx: number;
  dy: number;
  factor: number;
}

/** What the sticks ask for within `seconds`: left stick and cross pan, right stick and triggers magnify. */
export function motionOf(
  pad: { axes: readonly number[]; buttons: readonly { value: number }[] },
  seconds: number,
): Motion {
  const held = (at: number): number => pad.buttons[at]?.value ?? 0;
  const x = bent(pad.axes[0] ?? 0) + held(PAD.right) - held(PAD.left);
  const y = bent(pad.axes[1] ?? 0) + held(PAD.down) - held(PAD.up);
  const zoom = bent(held(PAD.more)) - bent(held(PAD.less)) - bent(pad.axes[3] ?? 0);
  return {
    dx: x * PX_A_SECOND * seconds,
    dy: y * PX_A_SECOND * seconds,
    factor: 2 ** (zoom * DOUBLINGS_A_SECOND * seconds),
  };
}

/** Nothing near the middle, slow where the stick is pushed a little, 1 at its end. */
function bent(value: number): number {
  const size = Math.abs(value);
  if (size < DEAD) return 0;
  return Math.sign(value) * ((Math.min(size, 1) - DEAD) / (1 - DEAD)) ** 2;
}

export function attachGamepad(view: Viewer): () => void {
  const isWanted = storedSwitch("gamepad", false);
  const box = h("input", { type: "checkbox", checked: isWanted.get() });
  let frame = 0;
  let before = 0;
  const look = (now: number): void => {
    const seconds = Math.min(0.1, (now - before) / 1000);
    before = now;
    for (const pad of navigator.getGamepads()) {
      if (!pad) continue;
      const { dx, dy, factor } = motionOf(pad, seconds);
      if (dx || dy) view.panBy(dx, dy);
      if (factor !== 1) view.magnify(view.umPerPx / factor);
    }
    frame = requestAnimationFrame(look);
  };
  const start = (): void => {
    cancelAnimationFrame(frame);
    if (!isWanted.get()) return;
    before = performance.now();
    frame = requestAnimationFrame(look);
  };
  box.onchange = () => {
    isWanted.set(box.checked);
    start();
  };
  const removeRow = optionRow(view, "Gamepad: left stick pans, right stick magnifies", box);
  start();
  return () => {
    cancelAnimationFrame(frame);
    removeRow();
  };
}
