// Regions over the slide: an outline each, a sign for what it is for, and its name.

import { s } from "./svg";
import { boxOf, pathOf } from "./region-shapes";
import type { Polygon, Ring } from "./region-shapes";
import type { SlideView } from "./slide-view";

export type RegionKind = "include" | "exclude" | "core";

export interface ShownRegion {
  region_id: string;
  name: string;
  kind: RegionKind;
  polygons: readonly Polygon[];
}

/** What a region is for, in a sign and in words. */
export const KINDS: Record<RegionKind, { sign: string; title: string }> = {
  include: { sign: "+", title: "to score" },
  exclude: { sign: "−", title: "left out" },
  core: { sign: "○", title: "core" },
};

/** Draws regions and the outline that is being drawn; moved with the slide by one transform. */
export class RegionLayer {
  private readonly plane = s("g");
  private readonly names = s("g", { class: "regions-names" });
  private readonly pen = s("path", { class: "regions-pen" });
  private readonly dots = s("g", { class: "regions-dots" });
  private readonly svg: SVGSVGElement;
  private placed: { text: SVGTextElement; x: number; y: number }[] = [];
  private outline: Ring = [];

  constructor(private readonly view: SlideView) {
    this.svg = s("svg", { class: "regions-svg", "aria-hidden": "true" }, hatch(), this.plane, this.pen, this.dots, this.names);
    view.stage.append(this.svg);
  }

  show(regions: readonly ShownRegion[], selected: string | null): void {
    this.plane.replaceChildren(
      ...regions.map(({ region_id, kind, polygons }) => {
        const chosen = region_id === selected ? " is-selected" : "";
        return s("path", { class: `regions-${kind}${chosen}`, d: pathOf(polygons), "fill-rule": "evenodd" });
      }),
    );
    this.placed = regions.map(({ name, kind, polygons }) => {
      const { left, top } = boxOf(polygons);
      const text = s("text", { class: `regions-name-${kind}` }, `${KINDS[kind].sign} ${name}`);
      return { text, x: left, y: top };
    });
    this.names.replaceChildren(...this.placed.map(({ text }) => text));
    this.draw();
  }

  draw(): void {
    const { view } = this;
    const origin = view.toScreen(0, 0);
    const scale = view.pxPerL0;
    this.plane.setAttribute("transform", `translate(${origin.x} ${origin.y}) scale(${scale})`);
    for (const { text, x, y } of this.placed) {
      const at = view.toScreen(x, y);
      text.setAttribute("x", String(at.x));
      text.setAttribute("y", String(at.y - 6));
    }
    this.drawPen();
  }

  showPen(outline: Ring): void {
    this.outline = outline;
    this.drawPen();
  }

  set isOn(on: boolean) {
    this.svg.classList.toggle("is-off", !on);
  }

  remove(): void {
    this.svg.remove();
  }

  private drawPen(): void {
    const points = this.outline.map(([x, y]) => this.view.toScreen(x, y));
    const d = points.map(({ x, y }, at) => `${at ? "L" : "M"}${x} ${y}`).join("");
    this.pen.setAttribute("d", points.length > 2 ? `${d}Z` : d);
    const shown = points.length < 60 ? points : [];
    this.dots.replaceChildren(...shown.map(({ x, y }) => s("circle", { cx: x, cy: y, r: 4 })));
  }
}

function hatch(): SVGDefsElement {
  const line = s("path", { d: "M0 10L10 0", class: "regions-hatch" });
  const size = { width: 10, height: 10, patternUnits: "userSpaceOnUse" };
  return s("defs", {}, s("pattern", { id: "regions-hatch", ...size }, line));
}
