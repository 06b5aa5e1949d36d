// Labels on the slide: their signs, and label mode, in which a click or a key gives one.

import { asked } from "./api";
import { h } from "./dom";
import { expressionKeys } from "./expression-buttons";
import { wordsOf } from "./expressions";
import { historyOf } from "./history";
import type { Act } from "./history";
import { createLabelCells } from "./label-cells";
import type { LabelCell, LabelCells } from "./label-cells";
import { drawMarks } from "./label-marks";
import { cellWords, createLabelPanel } from "./label-panel";
import type { PanelState } from "./label-panel";
import type { CellRef, Expression } from "./outbox";
import type { Attach, SlideView } from "./slide-view";

const LIST_WAIT_MS = 200;
/** Around the middle of the view, for cells placed by the keyboard. */
const MARGIN_PX = 4;

export const attachLabels: Attach = (view) => {
  const labelling = new Labelling(view);
  return () => labelling.close();
};

class Labelling {
  private readonly cells: LabelCells = createLabelCells();
  private readonly history;
  private readonly canvas = h("canvas", { className: "labels-canvas", aria: { hidden: "true" } });
  private readonly heard = h("div", { className: "labels-heard", aria: { live: "polite" } });
  private readonly panel;
  private readonly undone: (() => void)[] = [];
  private isLabelling = false;
  private isOn = true;
  private current: Expression = "negative";
  private hovered: CellRef | null = null;
  private asked = 0;
  private listTimer = 0;

  constructor(private readonly view: SlideView) {
    this.history = historyOf(view.app);
    this.panel = createLabelPanel(this.cells, this.history, {
      toggle: () => this.toggle(),
      pick: (expression) => this.choose(expression),
      goTo: (one) => this.goTo(one),
    });
    view.stage.append(this.canvas);
    view.side.append(this.panel.element, this.heard);
    this.listen();
    this.drawSoon();
    void this.load();
  }

  close(): void {
    for (const run of this.undone.reverse()) run();
    cancelAnimationFrame(this.asked);
    clearTimeout(this.listTimer);
    this.canvas.remove();
    this.panel.element.remove();
    this.heard.remove();
    this.view.stage.classList.remove("stage-labelling");
  }

  private listen(): void {
    const { view, history } = this;
    // The layer is asked whether it is on while it is being added.
    const self = this;
    const frame = view.osd.element;
    const moved = (): void => this.hover();
    const clicked = (event: { quick: boolean; position: { x: number; y: number } }): void => {
      if (event.quick && this.isLabelling) this.click(event.position.x, event.position.y);
    };
    frame.addEventListener("pointermove", moved);
    view.osd.addHandler("canvas-click", clicked as never);
    this.undone.push(
      () => frame.removeEventListener("pointermove", moved),
      () => view.osd.removeHandler("canvas-click", clicked as never),
      view.onDraw(() => this.draw()),
      view.onSelect(() => this.drawSoon()),
      view.addCells((x, y, radius) => this.isOn ? this.cells.near(view, x, y, radius) : null),
      view.addLayer({
        name: "labels",
        title: "Labels",
        get isOn() {
          return self.isOn;
        },
        setOn: (on) => {
          this.isOn = on;
          this.drawSoon();
        },
      }),
      history.onAct((act) => this.take(act)),
      history.onChange(() => this.drawSoon()),
      view.app.keys.bind("Labels", [
        { code: "KeyL", shown: "L", does: "lock or unlock labels", run: () => this.toggle() },
      ]),
    );
  }

  private async load(): Promise<void> {
    const { app, slide } = this.view;
    const params = { path: { slide_id: slide.slide_id } };
    try {
      const [known, own] = await Promise.all([
        asked(app.api.GET("/api/slides/{slide_id}/cells", { params })),
        asked(app.api.GET("/api/slides/{slide_id}/labels", { params })),
      ]);
      for (const one of known) this.put({ ...one, slide_id: slide.slide_id }, null, true);
      for (const one of own) this.put({ ...one, slide_id: slide.slide_id }, one.expression);
    } catch (error) {
      app.say(`labels of this slide: ${error instanceof Error ? error.message : ""}`, "problem");
    }
    for (const { cell } of app.outbox.waiting()) if (cell.slide_id === slide.slide_id) this.put(cell, null);
    this.drawSoon();
  }

  private put({ cell_id, slide_id, x_l0, y_l0 }: CellRef, said: Expression | null, isKnown = false): void {
    const cell = { cell_id, slide_id, x_l0, y_l0 };
    this.cells.put(cell, this.history.now(cell, said), isKnown);
  }

  private take(act: Act): void {
    const here = act.changes.filter(({ cell }) => cell.slide_id === this.view.slide.slide_id);
    for (const { cell, after } of here) this.cells.put(cell, after);
    const last = here.at(-1);
    if (last) this.tell(last.cell, act.undoes ? "undone or done again: " : "");
    this.drawSoon();
  }

  private toggle(): void {
    this.isLabelling = !this.isLabelling;
    this.view.stage.classList.toggle("stage-labelling", this.isLabelling);
    const unbind = this.unbindKeys;
    this.unbindKeys = () => {};
    unbind();
    if (this.isLabelling) this.bindKeys();
    this.view.app.say(this.isLabelling ? "Label mode is on" : "Labels are locked");
    this.drawSoon();
  }

  private unbindKeys: () => void = () => {};

  private bindKeys(): void {
    const unbind = this.view.app.keys.bind("Label mode", [
      ...expressionKeys((expression) => this.key(expression)),
      { code: "Delete", shown: "Delete", does: "take your label of the cell back", run: () => this.takeBack() },
      { code: "KeyZ", shown: "Z", does: "undo", repeats: true, run: () => this.turn("undo") },
      { code: "Ctrl+KeyZ", shown: "Ctrl+Z", does: "undo", repeats: true, run: () => this.turn("undo") },
      { code: "Shift+KeyZ", shown: "⇧Z", does: "redo", repeats: true, run: () => this.turn("redo") },
      { code: "Ctrl+Shift+KeyZ", shown: "Ctrl+⇧Z", does: "redo", repeats: true, run: () => this.turn("redo") },
      { code: "Period", shown: ".", does: "next cell", repeats: true, run: () => this.step(1) },
      { code: "Comma", shown: ",", does: "cell before", repeats: true, run: () => this.step(-1) },
      { code: "KeyI", shown: "I", does: "put a cell in the middle of the picture", run: () => this.putInMiddle() },
    ]);
    this.unbindKeys = unbind;
    this.undone.push(unbind);
  }

  private turn(way: "undo" | "redo"): void {
    const act = this.history[way]();
    if (!act) return this.view.app.say(`There is nothing to ${way}`);
    const change = act.changes[0]!;
    const n = act.changes.length > 1 ? ` and ${act.changes.length - 1} more` : "";
    const where = change.cell.slide_id === this.view.slide.slide_id ? "" : ` on slide ${change.cell.slide_id}`;
    this.view.app.say(`${way === "undo" ? "Undone" : "Done again"}: ${wordsOf(change.after)}${n}${where}`);
  }

  private click(x: number, y: number): void {
    const near = this.view.cellNear(x, y);
    const { x_l0, y_l0 } = this.view.toLevel0(x, y);
    const { width_l0, height_l0 } = this.view.slide;
    if (!near && (x_l0 < 0 || y_l0 < 0 || x_l0 > width_l0 || y_l0 > height_l0)) return;
    this.give(near ?? newCell(this.view.slide.slide_id, x_l0, y_l0), this.current);
  }

  /** The cell under the pointer, else the ringed one where it can be seen. */
  private target(): CellRef | null {
    const at = this.view.pointer();
    const hovered = at && this.view.cellNear(at.x, at.y);
    if (hovered) return hovered;
    const { selected } = this.view;
    return selected && this.isInView(selected) ? selected : null;
  }

  private key(expression: Expression): void {
    const cell = this.target();
    this.choose(expression);
    if (cell) this.give(cell, expression);
  }

  private choose(expression: Expression): void {
    this.current = expression;
    this.drawSoon();
  }

  private takeBack(): void {
    const cell = this.target();
    if (cell) this.give(cell, null);
  }

  private putInMiddle(): void {
    const { clientWidth, clientHeight } = this.view.stage;
    this.click(clientWidth / 2, clientHeight / 2);
  }

  private give(cell: CellRef, expression: Expression | null): void {
    const before = this.cells.find(cell.cell_id)?.expression ?? this.history.now(cell, null);
    this.history.give([{ cell, before }], expression, "slide");
    this.view.select(cell);
  }

  private goTo(one: LabelCell): void {
    this.view.select(one.cell);
    if (!this.isInView(one.cell)) this.view.centre(one.cell.x_l0, one.cell.y_l0);
    this.tell(one.cell);
  }

  private step(by: 1 | -1): void {
    const next = this.cells.step(this.view.selected?.cell_id ?? null, by);
    if (next) this.goTo(next);
  }

  private tell(cell: CellRef, before = ""): void {
    const one = this.cells.find(cell.cell_id);
    if (one) this.heard.textContent = before + cellWords(one, this.cells);
  }

  private hover(): void {
    const at = this.view.pointer();
    const now = at && this.view.cellNear(at.x, at.y);
    if (now?.cell_id === this.hovered?.cell_id) return;
    this.hovered = now;
    this.drawSoon();
  }

  private isInView(cell: CellRef): boolean {
    const { x, y } = this.view.toScreen(cell.x_l0, cell.y_l0);
    const { clientWidth, clientHeight } = this.view.stage;
    return x >= MARGIN_PX && y >= MARGIN_PX && x <= clientWidth - MARGIN_PX && y <= clientHeight - MARGIN_PX;
  }

  /** Draws these signs alone in the next frame: other layers need not be drawn for a label. */
  private drawSoon(): void {
    this.asked ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.asked);
    this.asked = 0;
    const marked = { hovered: this.hovered?.cell_id ?? null, selected: this.view.selected?.cell_id ?? null };
    drawMarks(this.canvas, this.view, { ...marked, cells: this.isOn ? this.cells.all : [] });
    this.panel.show(this.state([]));
    clearTimeout(this.listTimer);
    this.listTimer = setTimeout(() => {
      this.panel.showList(this.state(this.cells.all.filter(({ cell }) => this.isInView(cell))));
    }, LIST_WAIT_MS);
  }

  private state(inView: readonly LabelCell[]): PanelState {
    const { isLabelling, current } = this;
    return { isLabelling, current, selected: this.view.selected?.cell_id ?? null, inView };
  }
}

/** A cell that a click makes is called by its slide and place, like a candidate. */
function newCell(slide_id: string, x_l0: number, y_l0: number): CellRef {
  const [x, y] = [Number(x_l0.toFixed(1)), Number(y_l0.toFixed(1))];
  return { cell_id: `${slide_id}@${x.toFixed(1)}_${y.toFixed(1)}`, slide_id, x_l0: x, y_l0: y };
}
