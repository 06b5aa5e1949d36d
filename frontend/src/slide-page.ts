// The page of one slide: its picture, and the parts that lie over it and beside it.

import "./slide-page.css";
import { ApiError, asked } from "./api";
import type { App, Page, Slide } from "./app";
import { attachColours } from "./colours";
import { fill, h } from "./dom";
import { attachFaults } from "./faults";
import { attachGamepad } from "./gamepad";
import { attachLayers } from "./layers";
import { attachMagnification } from "./magnification";
import { attachOverview } from "./overview";
import { attachPan } from "./pan";
import { attachPoints } from "./points";
import { attachRegions } from "./regions";
import { attachReticle } from "./reticle";
import { attachScaleBar } from "./scalebar";
import type { Attach } from "./slide-view";
import { attachViewState } from "./view-state";
import { attachCellLink } from "./cell-link";
import { attachLabels } from "./labels";
import { attachHeatMaps } from "./heatmap";
import { attachMembranes } from "./membranes";
import { attachWhy } from "./why";
import { openViewer } from "./viewer";
import type { Opened, Viewer } from "./viewer";

/** Parts of the page itself, in the order of their panels. */
const OWN_PARTS: ((view: Viewer, params: URLSearchParams) => () => void)[] = [
  attachFaults,
  attachViewState,
  attachLayers,
  attachColours,
  attachMagnification,
  attachScaleBar,
  attachPan,
  attachGamepad,
  attachReticle,
  attachOverview,
];

/** Parts that others add; one line each, taken away in the reverse order when the page is left. */
const PARTS: Attach[] = [
  attachLabels,
  attachHeatMaps,
  attachMembranes,
  attachPoints,
  attachWhy,
  attachCellLink,
  attachRegions,
];

export const page: Page = async (root, app, params) => {
  const found = await find(app, params.get("id"));
  if (!found) return without(root, params.get("id"));
  const view = await openViewer(app, found, layOut(root, found.slide));
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

/** The slide and what there is to know of its file; of a file that is gone, why. */
async function find(app: App, id: string | null): Promise<Opened | null> {
  const path = { slide_id: id ?? "" };
  try {
    const facts = await asked(app.api.GET("/api/slides/{slide_id}", { params: { path } }));
    return { slide: facts as unknown as Slide, ways: facts.ways, notices: facts.notices, fault: null };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const slides = (await asked(app.api.GET("/api/slides"))) as Slide[];
    const slide = slides.find(({ slide_id }) => slide_id === id);
    return slide ? { slide, ways: [], notices: [], fault: error.message } : null;
  }
}

function layOut(root: HTMLElement, slide: Slide): { frame: HTMLElement; side: HTMLElement } {
  const osd = h("div", { className: "slide-osd" });
  const frame = h("section", { className: "slide-frame", aria: { label: "Slide" } }, osd);
  const about = h("p", { className: "slide-about" }, `Case ${slide.case_id} · ${slide.assay}`);
  const title = h("h1", { className: "slide-title" }, slide.slide_id);
  const side = h("aside", { className: "slide-side", aria: { label: "Layers and panels" } }, title, about);
  const fold = h("button", { type: "button", className: "slide-fold" }, "Panels");
  const setFolded = (isFolded: boolean): void => {
    root.classList.toggle("is-folded", isFolded);
    fold.setAttribute("aria-expanded", String(!isFolded));
  };
  fold.onclick = () => setFolded(!root.classList.contains("is-folded"));
  setFolded(matchMedia("(max-width: 60rem)").matches);
  root.classList.add("slide-page");
  frame.append(fold);
  fill(root, frame, side);
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
