// The slides of the study, as a list to choose from.

import { asked } from "./api";
import type { Page } from "./app";
import { fill, h } from "./dom";

export const page: Page = async (root, app) => {
  const slides = await asked(app.api.GET("/api/slides"));
  const rows = slides.map((slide) => h("li", {}, `${slide.case_id} · ${slide.slide_id}`));
  fill(root, h("h1", {}, "Slides"), h("ul", {}, ...rows));
  return () => {};
};
