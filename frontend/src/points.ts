// Predictions over the slide: two layers, picking, and nothing before it may be seen.

import { ApiError, asked } from "./api";
import type { App } from "./app";
import { askToDisclose } from "./disclosure";
import { fill, h } from "./dom";
import { PointCanvas } from "./point-canvas";
import type { LoadedPoints } from "./point-loading";
import { loadPoints } from "./point-loading";
import { count, hiddenWords, legend, modelWords, showCell } from "./point-panel";
import type { Attach, Layer, SlideView } from "./slide-view";

const SAME_UM = 4;
const RELOAD_MS = 500;
const SMALL = 20_000;

export const attachPoints: Attach = (view) => {
  const part = new Points(view);
  return () => part.close();
};

/** Open a slide to the reader for good. */
async function disclose(app: App, body: { scope: "slide" | "run"; subject: string }): Promise<void> {
  const post = app.api.POST as (path: string, init: object) => ReturnType<typeof app.api.POST>;
  await asked(post("/api/disclose", { body }) as never);
}

class Points {
  private readonly root = h("section", { className: "points", aria: { label: "Predictions" } });
  private readonly counted = h("p", { className: "points-count" });
  private readonly cellRoot = h("div", { className: "points-cell", hidden: true });
  private readonly canvas: PointCanvas;
  private readonly stops: (() => void)[] = [];
  private readonly closing = new AbortController();
  private readonly on = { calls: false, doubt: false };
  private readonly run = new URLSearchParams(location.hash.split("?")[1] ?? "").get("run");
  private points: LoadedPoints | null = null;
  private loading: Promise<void> | null = null;
  private problem = "";
  private timer = 0;
  private counting = 0;

  constructor(private readonly view: SlideView) {
    this.canvas = new PointCanvas(view, () => this.show());
    view.side.append(this.root);
    const layer = (name: string, title: string, key: string, which: "calls" | "doubt"): Layer => {
      const { on } = this;
      const setOn = (isOn: boolean): void => this.turn(which, isOn);
      const bound = { code: `Key${key}`, shown: key };
      return { name, title, key: bound, setOn, get isOn() { return on[which]; } };
    };
    this.stops.push(
      view.addLayer(layer("predictions", "Predictions", "P", "calls")),
      view.addLayer(layer("uncertainty", "Uncertainty", "U", "doubt")),
      view.onDraw(() => this.draw()),
      view.onSelect(() => this.showSelected()),
      view.addCells((x, y, radius) => this.near(x, y, radius)),
      view.app.outbox.onSaved(() => this.reloadSoon()),
    );
    const pick = this.pick.bind(this);
    view.osd.addHandler("canvas-click", pick);
    this.stops.push(() => view.osd.removeHandler("canvas-click", pick));
    this.show();
  }

  close(): void {
    this.closing.abort();
    clearTimeout(this.timer);
    clearTimeout(this.counting);
    for (const stop of this.stops) stop();
    this.canvas.destroy();
    this.root.remove();
  }

  private get isOn(): boolean {
    return this.on.calls || this.on.doubt;
  }

  private turn(which: "calls" | "doubt", isOn: boolean): void {
    this.on[which] = isOn;
    this.canvas.set(this.on);
    if (this.isOn && !this.points) void this.load();
    this.show();
    this.tellCount();
  }

  private load(): Promise<void> {
    this.loading ??= this.fetched().finally(() => {
      this.loading = null;
      this.show();
    });
    return this.loading;
  }

  private async fetched(): Promise<void> {
    try {
      this.points = await loadPoints(this.view.slide.slide_id, this.run, this.closing.signal);
      this.problem = "";
      this.canvas.give(this.points);
    } catch (error) {
      if (this.closing.signal.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
      if (!(error instanceof ApiError && error.status === 404)) this.view.app.say(this.problem, "problem");
    }
  }

  private reloadSoon(): void {
    const header = this.points?.table.header;
    if (!this.isOn || !header || header.n === header.n_all) return;
    if (header.is_disclosed && header.n_all > SMALL) return; // millions again for one cell
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), RELOAD_MS);
  }

  private draw(): void {
    this.canvas.draw();
    this.tellCount();
  }

  private tellCount(): void {
    clearTimeout(this.counting);
    this.counting = setTimeout(() => {
      const { nInView, nDrawn } = this.canvas.shown;
      const all = nDrawn < nInView ? `${count(nDrawn)} of ${count(nInView)}` : count(nInView);
      this.counted.textContent = this.isOn && this.points?.table.header.n ? `${all} cells drawn here` : "";
      if (this.isOn && nDrawn < nInView) this.tellCount();
    }, 200);
  }

  private near(x: number, y: number, radius: number) {
    const { points, view } = this;
    if (!points || !this.isOn) return null;
    const place = view.toLevel0(x, y);
    const row = points.near(place.x_l0, place.y_l0, radius / view.pxPerL0);
    if (row === null) return null;
    const found = view.toScreen(points.table.x[row]! / 10, points.table.y[row]! / 10);
    return { cell: points.cell(row), distance: Math.hypot(found.x - x, found.y - y) };
  }

  private pick(event: { quick?: boolean; position?: { x: number; y: number } }): void {
    if (!event.quick || !event.position || !this.isOn) return;
    const cell = this.view.cellNear(event.position.x, event.position.y);
    if (cell) this.view.select(cell);
  }

  private show(): void {
    const header = this.points?.table.header;
    const children: (Node | false)[] = [];
    if (this.isOn && header) {
      const hidden = hiddenWords(header);
      children.push(
        h("p", { className: "points-model" }, modelWords(header)),
        header.n > 0 && legend(header, this.on),
        header.n > 0 && this.counted,
        hidden !== null && this.hiddenNote(hidden, header.is_disclosed),
      );
    } else if (this.isOn) {
      children.push(h("p", {}, this.problem || "Loading predictions\u2026"));
    }
    const problem = this.isOn && this.canvas.problem;
    if (problem) children.push(h("p", { className: "points-problem" }, problem));
    this.root.hidden = !children.length;
    fill(this.root, h("h2", {}, "Predictions"), ...children, this.cellRoot);
    this.showSelected();
    this.tellCount();
  }

  private hiddenNote(words: string, isDisclosed: boolean): HTMLElement {
    const button = h("button", { type: "button" }, "Show all on this slide\u2026");
    button.onclick = () => void this.disclose();
    return h("div", { className: "points-hidden" }, h("p", {}, words), !isDisclosed && button);
  }

  private async disclose(): Promise<void> {
    const { slide, app } = this.view;
    const header = this.points?.table.header;
    if (!header) return;
    const isMeant = await askToDisclose({
      title: "Show predictions before you have labelled?",
      lines: [
        `You will see what run ${header.run} says of ${count(header.n_all)} cells of slide ${slide.slide_id}.`,
        "From then on every label that you give on this slide is kept as \u201cprediction seen\u201d. This cannot be taken back.",
        "Cells that wait in your assignments stay hidden until you have labelled them.",
      ],
      act: "Show predictions",
    });
    if (!isMeant) return;
    try {
      const body = { scope: "slide", subject: slide.slide_id } as const;
      await disclose(app, body);
      await this.load();
    } catch (error) {
      app.say(error instanceof Error ? error.message : String(error), "problem");
    }
  }

  private showSelected(): void {
    const { points, view } = this;
    const cell = this.isOn ? view.selected : null;
    const row = cell && points?.near(cell.x_l0, cell.y_l0, SAME_UM / view.slide.mpp);
    const isKnown = cell !== null && typeof row === "number" && points?.cell(row).cell_id === cell.cell_id;
    this.cellRoot.hidden = !isKnown;
    if (isKnown && points) showCell(this.cellRoot, points.table, row);
  }
}
