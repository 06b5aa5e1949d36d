// Signs of labels on a canvas over the slide: shape, colour and letter at each cell.

import { signOf, traceShape } from "./expressions";
import type { LabelCell } from "./label-cells";
import type { Expression } from "./outbox";
import type { SlideView } from "./slide-view";

/** Half width of a sign in CSS pixels: large enough to read its letter, small beside a cell. */
const SIGN_PX = 8;
const SMALL_SIGN_PX = 4;
/** Below this magnification signs have no letters: they would lie over each other. */
const LETTERS_FROM_PX_PER_UM = 0.7;
const RING_PX = 16;

export interface Marked {
  cells: readonly LabelCell[];
  hovered: string | null;
  selected: string | null;
}

/** Draw what lies in view; returns how many signs were drawn. */
export function drawMarks(canvas: HTMLCanvasElement, view: SlideView, marked: Marked): number {
  const on = fitted(canvas, view.stage);
  const { clientWidth: width, clientHeight: height } = view.stage;
  const isSmall = view.pxPerL0 / view.slide.mpp < LETTERS_FROM_PX_PER_UM;
  const r = isSmall ? SMALL_SIGN_PX : SIGN_PX;
  let n = 0;
  for (const { cell, expression } of marked.cells) {
    const { x, y } = view.toScreen(cell.x_l0, cell.y_l0);
    if (x < -RING_PX || y < -RING_PX || x > width + RING_PX || y > height + RING_PX) continue;
    if (expression) drawSign(on, expression, { x, y, r, hasLetter: !isSmall });
    else drawOpen(on, x, y, r);
    if (cell.cell_id === marked.selected) drawRing(on, x, y, [RING_PX, RING_PX + 3]);
    else if (cell.cell_id === marked.hovered) drawRing(on, x, y, [RING_PX]);
    n += 1;
  }
  return n;
}

function fitted(canvas: HTMLCanvasElement, stage: HTMLElement): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(stage.clientWidth * ratio), Math.round(stage.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const on = canvas.getContext("2d")!;
  on.setTransform(ratio, 0, 0, ratio, 0, 0);
  on.clearRect(0, 0, stage.clientWidth, stage.clientHeight);
  return on;
}

export function drawSign(
  on: CanvasRenderingContext2D,
  expression: Expression,
  { x, y, r, hasLetter }: { x: number; y: number; r: number; hasLetter: boolean },
): void {
  const sign = signOf(expression);
  const isRing = sign.shape === "ring";
  on.beginPath();
  traceShape(on, sign.shape, x, y, r);
  on.lineWidth = isRing ? 4 : 3;
  on.strokeStyle = "#ffffff";
  on.stroke();
  on.fillStyle = isRing ? "#ffffff" : sign.colour;
  on.fill();
  on.lineWidth = isRing ? 2 : 1;
  on.strokeStyle = isRing ? sign.colour : "#1d2430";
  on.stroke();
  if (!hasLetter) return;
  on.fillStyle = sign.ink;
  on.font = `700 ${Math.round(r * 1.35)}px system-ui, sans-serif`;
  on.textAlign = "center";
  on.textBaseline = "middle";
  on.fillText(sign.letter, x, y + (sign.shape === "triangle" ? r * 0.22 : r * 0.08));
}

/** A cell that is asked for and has no label of this reader yet. */
function drawOpen(on: CanvasRenderingContext2D, x: number, y: number, r: number): void {
  on.beginPath();
  on.arc(x, y, r, 0, 2 * Math.PI);
  on.lineWidth = 3;
  on.strokeStyle = "#ffffff";
  on.stroke();
  on.setLineDash([3, 3]);
  on.lineWidth = 1.5;
  on.strokeStyle = "#1d2430";
  on.stroke();
  on.setLineDash([]);
}

function drawRing(on: CanvasRenderingContext2D, x: number, y: number, radii: number[]): void {
  for (const radius of radii) {
    on.beginPath();
    on.arc(x, y, radius, 0, 2 * Math.PI);
    on.lineWidth = 3;
    on.strokeStyle = "#ffffff";
    on.stroke();
    on.lineWidth = 1.5;
    on.strokeStyle = "#1d2430";
    on.stroke();
  }
}
