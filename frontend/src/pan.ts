// Moving the slide by keys and by the wheel.

import { optionRow } from "./view-options";
import { stored } from "./stored";
import type { Viewer } from "./viewer";

/** Share of the field that an arrow key moves; with Shift the field moves on by one field. */
const STEP = 0.15;
const FIELD = 0.95;
const LINE_PX = 40;
const PX_A_DOUBLING = 400;

export const WHEEL_WAYS = ["forward", "backward", "pan"] as const;
export type WheelWay = (typeof WHEEL_WAYS)[number];
const WHEEL_TITLES: Record<WheelWay, string> = {
  forward: "Wheel forward magnifies",
  backward: "Wheel backward magnifies",
  pan: "Wheel pans (touchpad), with Ctrl magnifies",
};

export type WheelStep = { factor: number } | { dx: number; dy: number };

/** What a turn of the wheel does: a pinch on a touchpad comes as a wheel with Ctrl. */
export function wheelStep(
  event: Pick<WheelEvent, "deltaX" | "deltaY" | "deltaMode" | "ctrlKey" | "shiftKey">,
  way: WheelWay,
): WheelStep {
  const px = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? LINE_PX : 800;
  const [dx, dy] = [event.deltaX * px, event.deltaY * px];
  if (event.ctrlKey) return { factor: 2 ** (-dy / (PX_A_DOUBLING / 4)) };
  if (way === "pan") return event.shiftKey && !dx ? { dx: dy, dy: 0 } : { dx, dy };
  const towards = way === "forward" ? -1 : 1;
  return { factor: 2 ** ((towards * (dy || dx)) / PX_A_DOUBLING) };
}

function isWheelWay(value: unknown): value is WheelWay {
  return WHEEL_WAYS.some((way) => way === value);
}

export function attachPan(view: Viewer): () => void {
  const way = stored<WheelWay>("wheel", "forward", isWheelWay);
  const turn = (event: WheelEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    const step = wheelStep(event, way.get());
    if ("factor" in step) view.magnify(view.umPerPx / step.factor, view.pointer() ?? undefined);
    else view.panBy(step.dx, step.dy);
  };
  view.osd.canvas.addEventListener("wheel", turn, { passive: false, capture: true });
  const choice = document.createElement("select");
  for (const each of WHEEL_WAYS) choice.add(new Option(WHEEL_TITLES[each], each));
  choice.value = way.get();
  choice.onchange = () => way.set(choice.value as WheelWay);
  const removeRow = optionRow(view, "Mouse wheel", choice);
  const unbind = view.app.keys.bind("Move", arrows(view));
  return () => {
    view.osd.canvas.removeEventListener("wheel", turn, { capture: true });
    removeRow();
    unbind();
  };
}

function arrows(view: Viewer) {
  const move = (x: number, y: number, share: number): void => {
    const { clientWidth, clientHeight } = view.stage;
    view.panBy(x * share * clientWidth, y * share * clientHeight);
  };
  const ways = [
    { code: "ArrowLeft", shown: "←", word: "left", x: -1, y: 0 },
    { code: "ArrowRight", shown: "→", word: "right", x: 1, y: 0 },
    { code: "ArrowUp", shown: "↑", word: "up", x: 0, y: -1 },
    { code: "ArrowDown", shown: "↓", word: "down", x: 0, y: 1 },
  ];
  return ways.flatMap(({ code, shown, word, x, y }) => [
    { code, shown, does: `pan ${word}`, repeats: true, run: () => move(x, y, STEP) },
    {
      code: `Shift+${code}`,
      shown: `Shift+${shown}`,
      does: `one field ${word}`,
      run: () => move(x, y, FIELD),
    },
  ]);
}
