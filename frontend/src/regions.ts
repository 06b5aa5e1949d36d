// Regions of a slide: which cells count; drawn here, listed beside the picture, kept as events.

import "./regions.css";
import { ApiError, asked } from "./api";
import { fill, h } from "./dom";
import { newId } from "./outbox";
import { KINDS, RegionLayer } from "./region-layer";
import type { RegionKind } from "./region-layer";
import { areaOf, boxOf } from "./region-shapes";
import type { Polygon, Ring } from "./region-shapes";
import { takePen } from "./region-tool";
import type { Pen, PenWay } from "./region-tool";
import type { components } from "./openapi";
import type { Attach, SlideView } from "./slide-view";

type Region = components["schemas"]["RegionOut"];
type Drawn = { region_id: string; kind: "include" | "exclude"; polygons: Polygon[]; name: string | null };

const PEN_TITLES: Record<PenWay, string> = { corners: "Corners", box: "Box", hand: "By hand" };
const PEN_HELP: Record<PenWay, string> = {
  corners: "Click the corners; the first one again, a double click or Enter finishes.",
  box: "Drag from corner to corner.",
  hand: "Draw around it with the button down.",
};
const PEN_GROUP = "Regions";

export const attachRegions: Attach = (view) => {
  const panel = new RegionPanel(view);
  void panel.load();
  return () => panel.close();
};

class RegionPanel {
  private readonly layer: RegionLayer;
  private readonly list = h("ul", { className: "regions-list" });
  private readonly tools = h("div", { className: "regions-tools" });
  private readonly help = h("p", { className: "regions-help", aria: { live: "polite" } });
  private readonly kind = h("select", {});
  private readonly element: HTMLElement;
  private readonly stops: (() => void)[];
  private regions: Region[] = [];
  private selected: string | null = null;
  private pen: Pen | null = null;
  private unsent: Drawn | null = null;
  private isOn = true;

  constructor(private readonly view: SlideView) {
    this.layer = new RegionLayer(view);
    this.kind.add(new Option("to score (+)", "include"));
    this.kind.add(new Option("to leave out (−)", "exclude"));
    const choice = h("label", { className: "regions-kind" }, h("span", {}, "Draw a region"), this.kind);
    this.element = h("section", { className: "regions", aria: { label: "Regions" } });
    this.element.append(h("h2", {}, "Regions"), this.list, choice, this.tools, this.help);
    view.side.append(this.element);
    this.stops = [view.onDraw(() => this.layer.draw()), this.addLayer(), this.bindKeys()];
    this.showTools();
  }

  async load(): Promise<void> {
    const path = { slide_id: this.view.slide.slide_id };
    await this.trying(async () => {
      const { api } = this.view.app;
      this.regions = (await asked(
        api.GET("/api/slides/{slide_id}/regions", { params: { path } }),
      )) as Region[];
      this.show();
    });
  }

  close(): void {
    this.pen?.stop();
    for (const stop of this.stops) stop();
    this.layer.remove();
    this.element.remove();
  }

  private addLayer(): () => void {
    const panel = this;
    return this.view.addLayer({
      name: "regions",
      title: "Regions",
      key: { code: "Shift+KeyC", shown: "Shift+C" },
      get isOn() {
        return panel.isOn;
      },
      setOn(on) {
        panel.isOn = on;
        panel.layer.isOn = on;
      },
    });
  }

  private bindKeys(): () => void {
    const draw = (code: string, shown: string, way: PenWay) => ({
      code,
      shown,
      does: `draw a region: ${PEN_TITLES[way].toLowerCase()}`,
      run: () => this.start(way),
    });
    return this.view.app.keys.bind(PEN_GROUP, [
      draw("KeyC", "C", "corners"),
      draw("KeyB", "B", "box"),
      draw("KeyF", "F", "hand"),
    ]);
  }

  private start(way: PenWay): void {
    this.pen?.stop();
    this.pen = takePen(this.view, way, {
      changed: () => this.layer.showPen(this.pen?.outline ?? []),
      done: (ring) => this.finish(ring),
    });
    this.help.textContent = PEN_HELP[way];
    this.showTools();
  }

  private finish(ring: Ring | null): void {
    this.pen = null;
    this.help.textContent = "";
    this.layer.showPen([]);
    this.showTools();
    if (!ring) return;
    const kind = this.kind.value as "include" | "exclude";
    void this.send({ region_id: newId(), kind, polygons: [[ring]], name: null });
  }

  private async send(drawn: Drawn): Promise<void> {
    this.unsent = drawn;
    const path = { slide_id: this.view.slide.slide_id };
    const isSent = await this.trying(async () => {
      const { api } = this.view.app;
      const { region, note } = await asked(
        api.POST("/api/slides/{slide_id}/regions", { params: { path }, body: drawn }),
      );
      this.unsent = null;
      this.take(region as Region);
      this.view.app.say(`region ${region.name} is saved${note ? `: ${note}` : ""}`);
    });
    if (!isSent) this.layer.showPen(drawn.polygons[0]?.[0] ?? []);
    this.showTools();
  }

  private take(region: Region): void {
    const at = this.regions.findIndex(({ region_id }) => region_id === region.region_id);
    if (at < 0) this.regions.push(region);
    else this.regions[at] = region;
    this.selected = region.region_id;
    this.show();
  }

  private async withdraw(region: Region): Promise<void> {
    const { slide, app } = this.view;
    const path = { slide_id: slide.slide_id, region_id: region.region_id };
    await this.trying(async () => {
      await asked(
        app.api.POST("/api/slides/{slide_id}/regions/{region_id}/withdraw", { params: { path } }),
      );
      this.regions = this.regions.filter((each) => each !== region);
      this.show();
      const again = h("button", { type: "button" }, "Put it back");
      again.onclick = () => void this.send(changed(region, {}));
      fill(this.help, `Region ${region.name} is withdrawn. `, again);
      again.focus();
    });
  }

  /** Run what asks the server; say why it did not work, and return whether it did. */
  private async trying(run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.view.app.say(error.message, "problem");
      return false;
    }
  }

  private showTools(): void {
    const button = (text: string, run: () => void): HTMLButtonElement =>
      h("button", { type: "button", onclick: run }, text);
    if (this.pen) {
      const finish = button("Finish", () => this.pen?.finish());
      fill(this.tools, finish, button("Give up", () => this.giveUp()));
    } else if (this.unsent) {
      const drawn = this.unsent;
      fill(
        this.tools,
        h("p", { className: "problem" }, "The region is not saved yet."),
        button("Send again", () => void this.send(drawn)),
        button("Drop it", () => this.giveUp()),
      );
    } else {
      const ways = Object.keys(PEN_TITLES) as PenWay[];
      fill(this.tools, ...ways.map((way) => button(PEN_TITLES[way], () => this.start(way))));
    }
  }

  private giveUp(): void {
    this.pen?.stop();
    this.unsent = null;
    this.finish(null);
  }

  private show(): void {
    this.layer.show(this.regions.map(shown), this.selected);
    if (this.regions.length) fill(this.list, ...this.regions.map((each) => this.row(each)));
    else fill(this.list, h("li", { className: "regions-none" }, "None: the whole slide counts."));
  }

  private row(region: Region): HTMLElement {
    const { sign, title } = KINDS[region.kind];
    const { mpp } = this.view.slide;
    const mm2 = (areaOf(region.polygons as Polygon[]) * mpp * mpp) / 1e6;
    const about = `${title}, ${Number(mm2.toPrecision(2))} mm²${region.reader ? `, ${region.reader}` : ""}`;
    const go = h(
      "button",
      { type: "button", className: "regions-go", onclick: () => this.goTo(region) },
      h("span", { className: `regions-sign regions-sign-${region.kind}`, aria: { hidden: "true" } }, sign),
      h("span", {}, h("b", {}, region.name), h("br"), about),
    );
    const isSelected = region.region_id === this.selected;
    go.setAttribute("aria-pressed", String(isSelected));
    const editor = isSelected && region.may_change ? this.editor(region) : null;
    return h("li", {}, go, editor);
  }

  private editor(region: Region): HTMLElement {
    const name = h("input", { value: region.name, maxLength: 200 });
    name.onchange = () => void this.send(changed(region, { name: name.value.trim() || region.name }));
    const other: RegionKind = region.kind === "include" ? "exclude" : "include";
    const turn = h("button", { type: "button" }, other === "include" ? "Score it" : "Leave it out");
    turn.onclick = () => void this.send(changed(region, { kind: other }));
    const drop = h("button", { type: "button", onclick: () => void this.withdraw(region) }, "Withdraw");
    return h("div", { className: "regions-editor" }, h("label", {}, h("span", {}, "Name"), name), turn, drop);
  }

  private goTo(region: Region): void {
    this.selected = region.region_id === this.selected ? null : region.region_id;
    if (this.selected) {
      const { left, top, right, bottom } = boxOf(region.polygons as Polygon[]);
      const { clientWidth, clientHeight } = this.view.stage;
      const width = Math.max(right - left, ((bottom - top) * clientWidth) / clientHeight);
      this.view.centre((left + right) / 2, (top + bottom) / 2, 1.3 * width * this.view.slide.mpp);
    }
    this.show();
    this.list.querySelector<HTMLElement>('[aria-pressed="true"]')?.focus();
  }
}

function shown(region: Region) {
  return { ...region, polygons: region.polygons as Polygon[] };
}

function changed(region: Region, change: { name?: string; kind?: RegionKind }): Drawn {
  const { region_id, name, kind, polygons } = { ...region, ...change };
  return { region_id, name, kind: kind as Drawn["kind"], polygons: polygons as Polygon[] };
}
