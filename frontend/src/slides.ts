// The slides of the study, as a list to choose from.

import { asked } from "./api";
import type { Page } from "./app";
import { fill, h } from "./dom";

export const page: Page = async (root, app) => {
  const slides = await asked(app.api.GET("/api/slides"));
  const rows = slides.map((slide) => h("li", {}, slideLink(slide)));
  fill(root, h("h1", {}, "Slides"), h("ul", {}, ...rows));
  return () => {};
};

function slideLink({ slide_id, case_id }: { slide_id: string; case_id: string }): HTMLElement {
  const href = `#/slide?${new URLSearchParams({ id: slide_id })}`;
  return h("a", { href }, `${case_id} · ${slide_id}`);
}
