// The whole slide, small, with the part that is shown; click or drag to go there.

import { h } from "./dom";
import { slidePath } from "./slide-paths";
import { storedSwitch } from "./stored";
import type { Viewer } from "./viewer";

const LONGEST_PX = 180;
const SMALLEST_FRAME_PX = 6;

export function attachOverview(view: Viewer): () => void {
  const { slide } = view;
  const isWanted = storedSwitch("overview", true);
  const pxPerL0 = LONGEST_PX / Math.max(slide.width_l0, slide.height_l0);
  const src = `${slidePath(slide.slide_id)}/overview.jpg?px=${2 * LONGEST_PX}&v=${slide.version}`;
  const picture = h("img", { src, alt: "", draggable: false });
  picture.onerror = () => picture.remove();
  const shown = h("div", { className: "overview-shown" });
  const box = h("div", { className: "overview", aria: { role: "img" } }, picture, shown);
  box.style.width = `${slide.width_l0 * pxPerL0}px`;
  box.style.height = `${slide.height_l0 * pxPerL0}px`;
  view.frame.append(box);

  const goTo = (event: PointerEvent): void => {
    const { left, top } = box.getBoundingClientRect();
    view.centre((event.clientX - left) / pxPerL0, (event.clientY - top) / pxPerL0);
  };
  box.onpointerdown = (event) => {
    event.stopPropagation();
    box.setPointerCapture(event.pointerId);
    goTo(event);
  };
  box.onpointermove = (event) => {
    if (box.hasPointerCapture(event.pointerId)) goTo(event);
  };
  const draw = (): void => {
    const { clientWidth, clientHeight } = view.stage;
    const from = view.toLevel0(0, 0);
    const to = view.toLevel0(clientWidth, clientHeight);
    const left = clamp(from.x_l0, slide.width_l0);
    const top = clamp(from.y_l0, slide.height_l0);
    const width = clamp(to.x_l0, slide.width_l0) - left;
    const height = clamp(to.y_l0, slide.height_l0) - top;
    shown.style.left = `${left * pxPerL0}px`;
    shown.style.top = `${top * pxPerL0}px`;
    shown.style.width = `${Math.max(SMALLEST_FRAME_PX, width * pxPerL0)}px`;
    shown.style.height = `${Math.max(SMALLEST_FRAME_PX, height * pxPerL0)}px`;
    const share = (100 * width * height) / (slide.width_l0 * slide.height_l0);
    box.setAttribute("aria-label", `Overview: ${Number(share.toPrecision(2))} % of the slide is shown`);
  };
  const stops = [
    view.onDraw(draw),
    view.addLayer({
      name: "overview",
      title: "Overview",
      key: { code: "KeyO", shown: "O" },
      isHabit: true,
      get isOn() {
        return isWanted.get();
      },
      setOn(on) {
        isWanted.set(on);
        box.hidden = !on;
      },
    }),
  ];
  box.hidden = !isWanted.get();
  view.redraw();
  return () => {
    for (const stop of stops) stop();
    box.remove();
  };
}

function clamp(value: number, largest: number): number {
  return Math.min(largest, Math.max(0, value));
}
