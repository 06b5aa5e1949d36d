// The canvas of the predicted cells: which part of them is drawn in which frame.  While the picture
// moves as many are drawn as the graphics card finishes in time; when it rests, all.

import { EXPRESSIONS, traceShape } from "./expressions";
import { h } from "./dom";
import type { LoadedPoints } from "./point-loading";
import { NOT_COUNTED, signAt } from "./point-index";
import { doubtOf } from "./point-table";
import { PointPainter } from "./points-gl";
import type { Frame, Signs } from "./points-gl";
import type { SlideView } from "./slide-view";

export const DOUBT_COLOUR = "#6a1b7a";
/** Of signs 0 to 4: the four levels, and cells that do not count. */
export const SIGNS = EXPRESSIONS.slice(0, NOT_COUNTED + 1);
const FIRST_BUDGET = 100_000;
const LEAST_BUDGET = 20_000;
const MOST_IN_2D = 4000;
const REST_MS = 120;
const MARK_UM = 5;

export interface Shown {
  nInView: number;
  nDrawn: number;
}

export class PointCanvas {
  canvas = h("canvas", { className: "points-canvas", aria: { hidden: "true" } });
  /** Why cells are drawn in a plainer way or not at all, or null. */
  problem: string | null = null;
  shown: Shown = { nInView: 0, nDrawn: 0 };
  private painter: PointPainter | null = null;
  private points: LoadedPoints | null = null;
  private last = "";
  private share = 1;
  private done = 1;
  private budget = FIRST_BUDGET;
  private asked = 0;
  private timer = 0;
  private on = { calls: false, doubt: false };

  constructor(
    private readonly view: SlideView,
    private readonly tell: () => void,
  ) {
    view.stage.prepend(this.canvas);
    this.canvas.addEventListener("webglcontextlost", this.lose);
    this.canvas.addEventListener("webglcontextrestored", this.restore);
    this.start();
  }

  give(points: LoadedPoints | null): void {
    this.points = points;
    if (points) this.painter?.give(points.draw);
    this.again();
  }

  set(on: { calls: boolean; doubt: boolean }): void {
    this.on = on;
    this.again();
  }

  /** Draw, unless nothing has changed: a label that is set moves nothing here. */
  draw(): void {
    const frame = this.frame();
    const state = Object.values(frame).join(" ");
    if (state === this.last) return;
    this.last = state;
    this.canvas.hidden = !(frame.calls || frame.doubt) || !this.points;
    if (this.canvas.hidden) return;
    if (!this.painter) {
      if (!this.isLost) this.drawPlainly(frame);
      return;
    }
    this.adapt(this.painter.isDone());
    const nInView = this.painter.begin(frame);
    this.share = Math.min(1, this.budget / Math.max(1, nInView));
    this.painter.paint(0, this.share);
    this.done = this.share;
    this.count(nInView);
    clearTimeout(this.timer);
    if (this.done < 1) this.timer = setTimeout(this.complete, REST_MS);
  }

  destroy(): void {
    cancelAnimationFrame(this.asked);
    clearTimeout(this.timer);
    this.canvas.remove();
  }

  private isLost = false;

  private start(): void {
    try {
      this.painter = PointPainter.on(this.canvas, signs());
    } catch (error) {
      console.error(error);
      this.painter = null;
    }
    if (!this.painter && this.canvas.getContext("2d") === null) {
      const plain = this.canvas.cloneNode() as HTMLCanvasElement; // one kind of context a canvas
      this.canvas.replaceWith(plain);
      this.canvas = plain;
    }
    this.problem = this.painter
      ? null
      : `This browser draws without a graphics card (WebGL 2): at most ${MOST_IN_2D} of the cells ` +
        "in view are drawn. Zoom in to see all of them.";
  }

  private again(): void {
    this.last = "";
    this.draw();
  }

  private readonly lose = (event: Event): void => {
    event.preventDefault(); // asks the browser to give the context back
    this.isLost = true;
    this.painter = null;
    this.problem = "The graphics card is busy; predictions come back by themselves.";
    this.tell();
  };

  private readonly restore = (): void => {
    this.isLost = false;
    this.start();
    if (this.points) this.painter?.give(this.points.draw);
    this.again();
    this.tell();
  };

  private readonly complete = (): void => {
    cancelAnimationFrame(this.asked);
    this.asked = requestAnimationFrame(() => {
      if (!this.painter || this.done >= 1) return;
      const isReady = this.painter.isDone();
      if (isReady) {
        const to = Math.min(1, this.done + this.share);
        this.painter.paint(this.done, to);
        this.done = to;
        this.count(this.shown.nInView);
      }
      if (this.done < 1) this.complete();
    });
  };

  private adapt(isDone: boolean): void {
    this.budget = isDone
      ? Math.min(2_000_000, this.budget * 1.15)
      : Math.max(LEAST_BUDGET, this.budget * 0.6);
  }

  private count(nInView: number): void {
    this.shown = { nInView, nDrawn: Math.round(nInView * this.done) };
    this.canvas.dataset.drawn = String(this.shown.nDrawn);
    this.canvas.dataset.inView = String(nInView);
  }

  private frame(): Frame {
    const { view } = this;
    const { x_l0: left, y_l0: top } = view.toLevel0(0, 0);
    return {
      left,
      top,
      scale: view.pxPerL0,
      width: view.stage.clientWidth,
      height: view.stage.clientHeight,
      dpr: Math.min(2, devicePixelRatio || 1),
      size: markSize(view.slide.mpp / view.pxPerL0),
      ...this.on,
    };
  }

  private drawPlainly(frame: Frame): void {
    const on = this.canvas.getContext("2d");
    if (!on || !this.points) return;
    this.canvas.width = Math.round(frame.width * frame.dpr);
    this.canvas.height = Math.round(frame.height * frame.dpr);
    on.scale(frame.dpr, frame.dpr);
    const { table } = this.points;
    const right = frame.left + frame.width / frame.scale;
    const bottom = frame.top + frame.height / frame.scale;
    const rows = this.points.within({ left: frame.left, top: frame.top, right, bottom }, MOST_IN_2D);
    for (const row of rows) {
      const x = (table.x[row]! / 10 - frame.left) * frame.scale;
      const y = (table.y[row]! / 10 - frame.top) * frame.scale;
      const sign = SIGNS[signAt(table, row)]!;
      const doubt = doubtOf(table.probability[row]!);
      if (frame.calls) mark(on, sign, x, y, frame.size / 2);
      if (frame.doubt && doubt > 0.1) ring(on, doubt, x, y, frame.size);
    }
    this.count(rows.length);
    this.done = 1;
  }
}

/** CSS pixels a mark is wide: smaller than the cell, so that the cell stays in view. */
export function markSize(umPerPx: number): number {
  return Math.min(14, Math.max(1.5, MARK_UM / umPerPx));
}

function mark(
  on: CanvasRenderingContext2D, sign: (typeof SIGNS)[number], x: number, y: number, r: number,
): void {
  on.beginPath();
  traceShape(on, sign.shape, x, y, r);
  on.fillStyle = sign.colour;
  on.fill();
}

function ring(on: CanvasRenderingContext2D, doubt: number, x: number, y: number, r: number): void {
  on.beginPath();
  on.arc(x, y, r, 0, 2 * Math.PI);
  on.lineWidth = 1 + 2 * doubt;
  on.strokeStyle = DOUBT_COLOUR;
  on.stroke();
}

function signs(): Signs {
  return { palette: SIGNS.map(({ colour }) => rgb(colour)), doubt: rgb(DOUBT_COLOUR) };
}

function rgb(hex: string): [number, number, number] {
  const value = parseInt(hex.slice(1), 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}
