// What a reader can say of a cell: its key, its sign, its colour.  A colour is never the only sign.

import type { Expression } from "./outbox";

export interface ExpressionSign {
  expression: Expression;
  title: string;
  /** The key as it is shown, and its place on the keyboard. */
  key: string;
  codes: string[];
  colour: string;
  /** Ink that is readable on the colour. */
  ink: string;
  letter: string;
  shape: "circle" | "triangle" | "square" | "diamond" | "cross" | "ring";
}

const digit = (n: number): string[] => [`Digit${n}`, `Numpad${n}`];

/** In the order in which they are offered. */
export const EXPRESSIONS: readonly ExpressionSign[] = [
  { expression: "negative", title: "Negative", key: "0", codes: [...digit(0), "Backquote"], colour: "#2f6fb7", ink: "#ffffff", letter: "0", shape: "circle" },
  { expression: "weak", title: "Weak 1+", key: "1", codes: digit(1), colour: "#e0a100", ink: "#1d2430", letter: "1", shape: "triangle" },
  { expression: "moderate", title: "Moderate 2+", key: "2", codes: digit(2), colour: "#d9730d", ink: "#1d2430", letter: "2", shape: "square" },
  { expression: "strong", title: "Strong 3+", key: "3", codes: digit(3), colour: "#b3261e", ink: "#ffffff", letter: "3", shape: "diamond" },
  { expression: "other", title: "No tumour cell", key: "N", codes: ["KeyN"], colour: "#6b7280", ink: "#ffffff", letter: "n", shape: "cross" },
  { expression: "cannot_judge", title: "Cannot judge", key: "X", codes: ["KeyX"], colour: "#6b7280", ink: "#1d2430", letter: "?", shape: "ring" },
];

const BY_NAME = new Map(EXPRESSIONS.map((one) => [one.expression, one]));

/** The sign of an expression. */
export function signOf(expression: Expression): ExpressionSign {
  return BY_NAME.get(expression)!;
}

/** How an expression is read out: "weak 1+", or "unlabelled". */
export function wordsOf(expression: Expression | null): string {
  return expression ? signOf(expression).title.toLowerCase() : "unlabelled";
}

/** The outline of a shape around (0, 0), for a canvas; `r` is its half width. */
export function traceShape(on: Pick<CanvasPath, "moveTo" | "lineTo" | "arc" | "closePath">, shape: ExpressionSign["shape"], x: number, y: number, r: number): void {
  if (shape === "circle" || shape === "ring") {
    on.moveTo(x + r, y);
    on.arc(x, y, r, 0, 2 * Math.PI);
    return;
  }
  const corners = CORNERS[shape];
  corners.forEach(([dx, dy], at) => {
    if (at) on.lineTo(x + dx * r, y + dy * r);
    else on.moveTo(x + dx * r, y + dy * r);
  });
  on.closePath();
}

const A = 0.42;
const CORNERS: Record<"triangle" | "square" | "diamond" | "cross", [number, number][]> = {
  triangle: [[0, -1.15], [1.15, 0.85], [-1.15, 0.85]],
  square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  diamond: [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]],
  cross: [[-A, -1], [A, -1], [A, -A], [1, -A], [1, A], [A, A], [A, 1], [-A, 1], [-A, A], [-1, A], [-1, -A], [-A, -A]],
};
