// The pictures of a cell that was asked why, with marks, scale and units, and its logit as a line.

import { h } from "./dom";
import type { components } from "./openapi";
import type { ReviewCell } from "./review-filter";
import { s } from "./svg";

export type Legend = components["schemas"]["LegendOut"];
type Review = components["schemas"]["ReviewOut"];

const BAR_UM = 10;

/** Where a picture of a cell is; without one that the run keeps, the patch as the slide has it. */
export function pictureOf(
  run: Pick<Review, "run_id" | "version">,
  cell: ReviewCell,
  what: "patch" | "map" | "edited",
): string {
  if (cell.number === null) return slidePatch(cell, 32, 256);
  const query = new URLSearchParams({ cell: cell.cell_id, v: run.version });
  return `/api/review/pictures/${run.run_id}/${cell.number}/${what}.png?${query}`;
}

/** The surroundings of a cell, cut from its slide. */
export function slidePatch(
  cell: { slide_id: string; x_l0: number; y_l0: number },
  um: number,
  px: number,
): string {
  const { x_l0, y_l0 } = cell;
  const query = new URLSearchParams({ x_l0: `${x_l0}`, y_l0: `${y_l0}`, um: `${um}`, px: `${px}` });
  return `/api/slides/${encodeURIComponent(cell.slide_id)}/patch.png?${query}`;
}

/** A square picture of tissue with the click and a scale bar drawn over it. */
export function tissue(
  address: string,
  alt: string,
  um: number,
  marks: { click: boolean; bar: boolean },
): HTMLElement {
  const image = h("img", { src: address, alt, className: "review-image", decoding: "async" });
  const frame = h("div", { className: "review-frame" }, image);
  image.addEventListener("error", () => {
    frame.classList.add("review-frame-missing");
    image.alt = `${alt}: the picture cannot be shown; the slide may be missing`;
  });
  const drawn = s("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" });
  const unit = 100 / um;
  if (marks.click) drawn.append(...haloed(clickPath(1.5 * unit, 3.5 * unit)));
  if (marks.bar) {
    drawn.append(
      ...haloed(`M4 95h${(BAR_UM * unit).toFixed(2)}`),
      s("text", { x: 4, y: 91, class: "review-bar-text" }, `${BAR_UM} µm`),
    );
  }
  frame.append(drawn);
  return frame;
}

function clickPath(near: number, far: number): string {
  return [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]
    .map(
      ([dx, dy]) =>
        `M${(50 + near * dx!).toFixed(2)} ${(50 + near * dy!).toFixed(2)}` +
        `L${(50 + far * dx!).toFixed(2)} ${(50 + far * dy!).toFixed(2)}`,
    )
    .join("");
}

function haloed(d: string): SVGPathElement[] {
  return [s("path", { d, class: "review-halo" }), s("path", { d, class: "review-line" })];
}

/** All pictures of a cell in a row. */
export function strip(run: Review, cell: ReviewCell): HTMLElement {
  const um = run.legend?.patch_um ?? 32;
  const figures = [
    figure(
      tissue(pictureOf(run, cell, "patch"), `The cell ${cell.cell_id}`, um, {
        click: true,
        bar: true,
      }),
      "The cell, click marked",
      `labelled ${cell.label}, called ${cell.call}`,
    ),
  ];
  if (cell.number !== null && run.legend) {
    const map = tissue(
      pictureOf(run, cell, "map"),
      `Heat map: orange pushes towards positive, blue towards negative`,
      um,
      { click: false, bar: false },
    );
    if (run.legend.stamp) map.append(h("p", { className: "review-stamp" }, run.legend.stamp));
    figures.push(figure(map, "What moved the call", linesNote(cell), legend(run.legend)));
    if (cell.logit_after !== null) {
      figures.push(
        figure(
          tissue(pictureOf(run, cell, "edited"), cell.edit_title, um, { click: true, bar: false }),
          cell.edit_title,
          `${cell.logit_after > 0 === cell.logit > 0 ? "still" : "now"} called ` +
            (cell.logit_after > 0 ? "positive" : "negative"),
        ),
      );
    }
  }
  figures.push(figure(logitLine(cell), "The network's answer", cell.logits));
  return h("div", { className: "review-strip" }, ...figures);
}

function figure(picture: Element, title: string, note: string, more?: Node): HTMLElement {
  return h(
    "figure",
    { className: "review-figure" },
    picture,
    h("figcaption", {}, h("b", {}, title), h("span", {}, note), more ?? null),
  );
}

function linesNote(cell: ReviewCell): string {
  if (cell.status === "confirmed" && !["surroundings", "off_centre"].includes(cell.cause)) {
    return "thick line: what the edit changed; thin: own cell; orange pushes to positive, blue to negative";
  }
  return "thin line: own cell; orange pushes to positive, blue to negative";
}

/** The colours of a map with their unit, scale and reference. */
export function legend(of: Legend): HTMLElement {
  const bar = h("span", { className: "review-scale" });
  bar.style.background = `linear-gradient(90deg, ${of.low}, ${of.zero}, ${of.high})`;
  const end = of.scale.toPrecision(2);
  return h(
    "span",
    { className: "review-legend" },
    `−${end}`,
    bar,
    `+${end} logit/pixel, from ${of.reference}`,
  );
}

const HALF = 27;

/** Logit before and after the edit on one axis, the threshold in the middle; placebo below. */
export function logitLine(cell: ReviewCell): SVGSVGElement {
  const rows: { label: string; value: number; name: string }[] = [
    { label: "before", value: cell.logit, name: "before" },
  ];
  if (cell.logit_after !== null) {
    rows.push({ label: "after the edit", value: cell.logit_after, name: "after" });
    if (cell.placebo_logit !== null) {
      rows.push({ label: "placebo: as much elsewhere", value: cell.placebo_logit, name: "placebo" });
    }
  }
  const scale = HALF / Math.max(4, ...rows.map(({ value }) => Math.abs(value)));
  const words = rows.map(({ label, value }) => `${label} ${signed(value)}`).join(", ");
  const drawn = s(
    "svg",
    { viewBox: "0 0 100 100", class: "review-logit", role: "img", "aria-label": `Logit ${words}` },
    s("rect", { x: 4, y: 4, width: 46, height: 85, class: "review-negative" }),
    s("rect", { x: 50, y: 4, width: 46, height: 85, class: "review-positive" }),
    s("path", { d: "M50 4V89", class: "review-zero" }),
    s("text", { x: 27, y: 96, "text-anchor": "middle" }, "called negative"),
    s("text", { x: 73, y: 96, "text-anchor": "middle" }, "called positive"),
  );
  rows.forEach(({ label, value, name }, at) => {
    const y = 24 + 27 * at;
    const x = 50 + scale * value;
    const first = 50 + scale * cell.logit;
    if (at && Math.abs(x - first) > 1) {
      drawn.append(s("path", { d: `M${first} ${y}H${x}`, class: `review-way review-${name}` }));
    }
    const isRight = at ? x >= first : value > 0;
    drawn.append(
      s("circle", { cx: x, cy: y, r: 3, class: `review-dot review-${name}` }),
      s(
        "text",
        { x: x + (isRight ? 5 : -5), y: y + 2, "text-anchor": isRight ? "start" : "end", class: "review-value" },
        signed(value),
      ),
      s("text", { x: 6, y: y - 8 }, label),
    );
  });
  return drawn;
}

/** A number with its sign and one digit. */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(1);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
