// The slides of the study by case, each with a small picture and the person's own labels.

import "./slides.css";
import { asked } from "./api";
import type { Page, Slide } from "./app";
import { fill, h } from "./dom";
import { slidePath } from "./slide-paths";

const PICTURE_PX = 320;

/** Slides that fit all words of a search, by case in the order of the server. */
export function foundByCase(slides: readonly Slide[], search: string): Map<string, Slide[]> {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Map<string, Slide[]>();
  for (const slide of slides) {
    const text = `${slide.slide_id} ${slide.case_id} ${slide.assay}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    const before = found.get(slide.case_id);
    if (before) before.push(slide);
    else found.set(slide.case_id, [slide]);
  }
  return found;
}

/** Size of a slide as people think of it. */
export function sizeOf({ width_l0, height_l0, mpp }: Slide): string {
  const mm = (px: number): string => Number(((px * mpp) / 1000).toPrecision(2)).toString();
  return `${mm(width_l0)} × ${mm(height_l0)} mm`;
}

export const page: Page = async (root, app, params) => {
  const slides = (await asked(app.api.GET("/api/slides"))) as Slide[];
  const search = h("input", { type: "search", id: "slides-search", value: params.get("find") ?? "" });
  const count = h("p", { className: "slides-count", aria: { live: "polite" } });
  const list = h("div", { className: "slides-cases" });
  const show = (): void => {
    const found = foundByCase(slides, search.value);
    const n = [...found.values()].reduce((sum, each) => sum + each.length, 0);
    const nLabels = slides.reduce((sum, each) => sum + each.n_labels, 0);
    count.textContent =
      `${n} of ${slides.length} slides, ${found.size} cases; ${nLabels} labels of yours`;
    fill(list, ...[...found].map(([case_id, each]) => caseOf(case_id, each)));
    if (!n) list.append(h("p", {}, slides.length ? "No slide fits. Clear the search." : NONE));
  };
  search.oninput = () => {
    app.note({ find: search.value || null });
    show();
  };
  list.addEventListener("keydown", (event) => walk(list, event));
  fill(
    root,
    h("h1", {}, "Slides"),
    h("label", { className: "slides-find" }, "Search by slide, case or assay", search),
    count,
    list,
  );
  show();
  return app.keys.bind("Slides", [
    { code: "Slash", shown: "/", does: "search the slides", run: () => search.focus() },
  ]);
};

const NONE = "The study has no slides. Add them: rimlight add STUDY SLIDE...";

function caseOf(case_id: string, slides: Slide[]): HTMLElement {
  const cards = slides.map((slide) => h("li", {}, card(slide)));
  const head = h("h2", {}, h("span", { className: "slides-word" }, "Case "), case_id);
  return h("section", { className: "slides-case" }, head, h("ul", {}, ...cards));
}

function card(slide: Slide): HTMLElement {
  const href = `#/slide?${new URLSearchParams({ id: slide.slide_id })}`;
  const n = slide.n_labels === 1 ? "1 label of yours" : `${slide.n_labels} labels of yours`;
  return h(
    "a",
    { href, className: "slides-card" },
    picture(slide),
    h("span", { className: "slides-name" }, slide.slide_id),
    h("span", { className: "slides-about" }, `${slide.assay} · ${sizeOf(slide)}`),
    h("span", { className: slide.n_labels ? "slides-labels" : "slides-about" }, n),
  );
}

function picture(slide: Slide): HTMLElement {
  const frame = h("span", { className: "slides-picture" });
  if (slide.is_missing) {
    frame.append(h("span", { className: "slides-missing" }, "File is missing"));
    return frame;
  }
  const src = `${slidePath(slide.slide_id)}/overview.jpg?px=${PICTURE_PX}&v=${slide.version}`;
  const image = h("img", { src, alt: "", loading: "lazy", decoding: "async" });
  image.onerror = () => image.replaceWith(h("span", { className: "slides-missing" }, "No picture"));
  frame.append(image);
  return frame;
}

/** Arrow keys go from card to card; up and down by rows as they are laid out now. */
function walk(list: HTMLElement, event: KeyboardEvent): void {
  const cards = [...list.querySelectorAll<HTMLElement>(".slides-card")];
  const at = cards.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  const to = stepOf(event.code, at, cards.map((each) => each.getBoundingClientRect()));
  if (to === null) return;
  event.preventDefault();
  cards[to]?.focus();
}

type Spot = Pick<DOMRect, "left" | "top">;

/** The place that an arrow key leads to from `at`; null where it leads nowhere. */
export function stepOf(code: string, at: number, spots: readonly Spot[]): number | null {
  if (code === "ArrowLeft") return at > 0 ? at - 1 : null;
  if (code === "ArrowRight") return at + 1 < spots.length ? at + 1 : null;
  const way = code === "ArrowDown" ? 1 : code === "ArrowUp" ? -1 : 0;
  const from = spots[at];
  if (!way || !from) return null;
  const beyond = spots.map(({ top }) => way * (top - from.top)).filter((each) => each > 1);
  const nearest = Math.min(...beyond);
  let best: number | null = null;
  spots.forEach(({ left, top }, index) => {
    if (Math.abs(way * (top - from.top) - nearest) > 1) return;
    const aside = Math.abs(left - from.left);
    if (best === null || aside < Math.abs(spots[best]!.left - from.left)) best = index;
  });
  return best;
}
