// The pen: an outline drawn over the slide by clicks, by a box, by hand, or by keys.

import { h } from "./dom";
import { isApart, rectangle, simplified } from "./region-shapes";
import type { Point, Ring } from "./region-shapes";
import type { SlideView } from "./slide-view";

export type PenWay = "corners" | "box" | "hand";

export interface Pen {
  /** The outline so far; the pointer is its last corner while it moves. */
  readonly outline: Ring;
  finish(): void;
  stop(): void;
}

const DRAG_PX = 5;
const CLOSE_PX = 12;
const HAND_TOLERANCE_PX = 1.5;
const CORNERS_OF_A_BOX = 2;

interface Told {
  changed(): void;
  /** Called with a finished outline, or with null when it was given up. */
  done(ring: Ring | null): void;
}

/** Take over clicks on the slide until an outline is finished or given up. */
export function takePen(view: SlideView, way: PenWay, told: Told): Pen {
  const sheet = h("div", { className: "regions-sheet" });
  const corners: Ring = [];
  let hover: Point | null = null;
  let press: { x: number; y: number; isDrag: boolean } | null = null;
  view.stage.append(sheet);

  const placeOf = (event: PointerEvent): Point => {
    const box = view.stage.getBoundingClientRect();
    const { x_l0, y_l0 } = view.toLevel0(event.clientX - box.left, event.clientY - box.top);
    return [x_l0, y_l0];
  };
  const underPointer = (): Point => {
    const { clientWidth, clientHeight } = view.stage;
    const at = view.pointer() ?? { x: clientWidth / 2, y: clientHeight / 2 };
    const { x_l0, y_l0 } = view.toLevel0(at.x, at.y);
    return [x_l0, y_l0];
  };
  const outline = (): Ring => {
    const all = hover ? [...corners, hover] : [...corners];
    return way === "box" && all.length === 2 ? rectangle(all[0]!, all[1]!) : all;
  };
  const stop = (): void => {
    sheet.remove();
    unbind();
  };
  const end = (ring: Ring | null): void => {
    stop();
    told.done(ring);
  };
  const finish = (): void => {
    hover = null;
    const ring = way === "hand" ? simplified(corners, HAND_TOLERANCE_PX / view.pxPerL0) : outline();
    if (ring.length >= 3) end(ring);
    else view.app.say("a region needs three corners; go on, or Escape gives it up", "problem");
  };
  const isClosing = ([x, y]: Point): boolean => {
    const first = corners[0];
    if (!first || corners.length < 3) return false;
    return Math.hypot(x - first[0], y - first[1]) * view.pxPerL0 < CLOSE_PX;
  };
  const add = (place: Point): void => {
    if (way === "corners" && isClosing(place)) return finish();
    corners.push(place);
    hover = null;
    if (way === "box" && corners.length === CORNERS_OF_A_BOX) finish();
    else told.changed();
  };

  sheet.onpointerdown = (event) => {
    event.stopPropagation();
    if (event.button !== 0) return;
    sheet.setPointerCapture(event.pointerId);
    press = { x: event.clientX, y: event.clientY, isDrag: false };
    if (way !== "corners" && corners.length === 0) corners.push(placeOf(event));
  };
  sheet.onpointermove = (event) => {
    event.stopPropagation();
    const place = placeOf(event);
    if (press && way === "corners") drag(event);
    else if (press && way === "hand" && isApart(corners, place, view.pxPerL0)) corners.push(place);
    if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > DRAG_PX) {
      press.isDrag = true;
    }
    hover = way === "hand" ? null : place;
    told.changed();
  };
  const drag = (event: PointerEvent): void => {
    if (!press || (!press.isDrag && Math.hypot(event.clientX - press.x, event.clientY - press.y) < DRAG_PX)) return;
    const from = view.toLevel0(press.x, press.y);
    const to = view.toLevel0(event.clientX, event.clientY);
    const { clientWidth, clientHeight } = view.stage;
    const middle = view.toLevel0(clientWidth / 2, clientHeight / 2);
    view.centre(middle.x_l0 + from.x_l0 - to.x_l0, middle.y_l0 + from.y_l0 - to.y_l0);
    press = { x: event.clientX, y: event.clientY, isDrag: true };
  };
  sheet.onpointerup = (event) => {
    event.stopPropagation();
    const was = press;
    press = null;
    if (!was) return;
    if (way === "hand") finish();
    else if (way === "corners" ? !was.isDrag : was.isDrag) add(placeOf(event));
  };
  sheet.ondblclick = () => way === "corners" && finish();
  const unbind = view.app.keys.bind("Draw a region", [
    { code: "Space", shown: "Space", does: "corner at the pointer, else in the middle", run: () => add(underPointer()) },
    { code: "Enter", shown: "Enter", does: "finish the region", run: finish },
    {
      code: "Backspace",
      shown: "Backspace",
      does: "take the last corner back",
      run: () => {
        corners.pop();
        told.changed();
      },
    },
    { code: "Escape", shown: "Escape", does: "give the region up", run: () => end(null) },
  ]);
  return {
    get outline() {
      return outline();
    },
    finish,
    stop,
  };
}
