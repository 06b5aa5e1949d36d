// The page of one slide: its picture, and the parts that lie over it and beside it.

import "./slide-page.css";
import type { Page, Slide } from "./app";
import { asked } from "./api";
import { fill, h } from "./dom";
import { attachViewState } from "./view-state";
import { openViewer } from "./viewer";
import type { Viewer } from "./viewer";
import type { Attach } from "./slide-view";

/** Parts of the page itself, in the order of their panels. */
const OWN_PARTS: ((view: Viewer, params: URLSearchParams) => () => void)[] = [attachViewState];

/** Parts that others add; one line each, taken away in the reverse order when the page is left. */
const PARTS: Attach[] = [];

export const page: Page = async (root, app, params) => {
  const slides = (await asked(app.api.GET("/api/slides"))) as Slide[];
  const slide = slides.find(({ slide_id }) => slide_id === params.get("id"));
  if (!slide) return without(root, params.get("id"));
  const { frame, side } = layOut(root, slide);
  const view = openViewer(app, slide, { frame, side });
  const detach = [
    ...OWN_PARTS.map((attach) => attach(view, params)),
    ...PARTS.map((attach) => attach(view)),
  ];
  return () => {
    for (const run of detach.reverse()) run();
    view.close();
    root.classList.remove("slide-page");
  };
};

function layOut(root: HTMLElement, slide: Slide): { frame: HTMLElement; side: HTMLElement } {
  const frame = h("div", { className: "slide-frame" });
  const side = h("aside", { className: "slide-side", aria: { label: "Layers and panels" } });
  const title = h("h1", { className: "slide-title" }, slide.slide_id);
  root.classList.add("slide-page");
  fill(root, h("div", { className: "slide-picture" }, frame), side);
  side.append(title, h("p", { className: "slide-about" }, `case ${slide.case_id}`));
  return { frame, side };
}

function without(root: HTMLElement, id: string | null): () => void {
  const text = id
    ? `slide ${id}: is not in this study; choose another one in the list of slides`
    : "no slide is named; choose one in the list of slides";
  fill(root, h("h1", {}, "Slide"), h("p", { className: "problem" }, text));
  root.append(h("a", { href: "#/slides" }, "To the list of slides"));
  return () => {};
}
