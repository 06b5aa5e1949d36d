// The sign of an expression as a small drawing: shape, colour and letter together.

import { signOf, traceShape, wordsOf } from "./expressions";
import type { Expression } from "./outbox";
import { h } from "./dom";
import { s } from "./svg";

const NAMES = new Set(["negative", "weak", "moderate", "strong", "other", "cannot_judge"]);

/** The text of a server as an expression; null where it is none. */
export function expressionOf(text: string | null): Expression | null {
  return text !== null && NAMES.has(text) ? (text as Expression) : null;
}

/** The sign alone, for places where the words stand beside it. */
export function mark(expression: Expression): SVGSVGElement {
  const sign = signOf(expression);
  const isRing = sign.shape === "ring";
  return s(
    "svg",
    { viewBox: "-14 -14 28 28", class: "review-mark", "aria-hidden": "true" },
    s("path", {
      d: outline(sign.shape),
      fill: isRing ? "none" : sign.colour,
      stroke: sign.colour,
      "stroke-width": isRing ? 3 : 0,
    }),
    s(
      "text",
      { y: sign.shape === "triangle" ? 6 : 4, "text-anchor": "middle", fill: sign.ink },
      sign.letter,
    ),
  );
}

/** The sign with its words. */
export function said(text: string): HTMLElement {
  const expression = expressionOf(text);
  if (!expression) return h("span", { className: "review-said" }, text || "no label");
  return h("span", { className: "review-said" }, mark(expression), wordsOf(expression));
}

function outline(shape: Parameters<typeof traceShape>[1]): string {
  const path: string[] = [];
  traceShape(
    {
      moveTo: (x, y) => void path.push(`M${x} ${y}`),
      lineTo: (x, y) => void path.push(`L${x} ${y}`),
      arc: (x, y, r) => void path.push(`A${r} ${r} 0 1 1 ${x - r} ${y}A${r} ${r} 0 1 1 ${x + r} ${y}`),
      closePath: () => void path.push("Z"),
    },
    shape,
    0,
    0,
    11,
  );
  return path.join("");
}
