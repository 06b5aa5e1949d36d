// Buttons of the expressions, each with its sign, its name and its key; large enough for a finger.

import "./expression-buttons.css";
import { h } from "./dom";
import { EXPRESSIONS, signOf, traceShape } from "./expressions";
import type { ExpressionSign } from "./expressions";
import type { Binding } from "./keys";
import type { Expression } from "./outbox";
import { s } from "./svg";

export interface ExpressionButtons {
  readonly element: HTMLElement;
  /** Show which expression is in force; null for none. */
  show(expression: Expression | null): void;
  setEnabled(isEnabled: boolean): void;
}

/** `label` says what the buttons do, for a screen reader. */
export function expressionButtons(label: string, pick: (expression: Expression) => void): ExpressionButtons {
  const buttons = EXPRESSIONS.map((sign) => {
    const element = h(
      "button",
      { type: "button", className: "expression-button", onclick: () => pick(sign.expression), aria: { pressed: "false" } },
      signIcon(sign.expression) as unknown as Node,
      h("span", {}, sign.title),
      h("kbd", { aria: { hidden: "true" } }, sign.key),
    );
    element.dataset.expression = sign.expression;
    return { sign, element };
  });
  const element = h("div", { className: "expression-buttons", aria: { role: "group", label } }, ...buttons.map((one) => one.element));
  return {
    element,
    show(expression) {
      for (const { sign, element } of buttons) element.setAttribute("aria-pressed", String(sign.expression === expression));
    },
    setEnabled(isEnabled) {
      for (const one of buttons) one.element.disabled = !isEnabled;
    },
  };
}

/** Keys of the expressions, by their place on the keyboard. */
export function expressionKeys(pick: (expression: Expression) => void): Binding[] {
  return EXPRESSIONS.flatMap(({ expression, title, key, codes }) =>
    codes.map((code) => ({
      code,
      shown: code === "Backquote" ? "key left of 1" : code.startsWith("Numpad") ? `${key} (number pad)` : key,
      does: title.toLowerCase(),
      run: () => pick(expression),
    })),
  );
}

/** The sign of an expression as a small drawing; it is decoration beside words. */
export function signIcon(expression: Expression, px = 26): SVGSVGElement {
  const sign = signOf(expression);
  const shape = s("path", { d: outlineOf(sign), fill: sign.shape === "ring" ? "#ffffff" : sign.colour, stroke: sign.shape === "ring" ? sign.colour : "#ffffff", "stroke-width": sign.shape === "ring" ? 2.5 : 1.5 });
  const letter = s("text", { x: 0, y: sign.shape === "triangle" ? 5.5 : 4.5, "text-anchor": "middle", "font-size": sign.shape === "triangle" ? 11 : 13, "font-weight": 700, fill: sign.ink }, sign.letter);
  return s("svg", { viewBox: "-15 -15 30 30", width: px, height: px, "aria-hidden": "true", class: "expression-sign" }, shape, letter);
}

function outlineOf(sign: ExpressionSign): string {
  const steps: string[] = [];
  traceShape(
    {
      moveTo: (x, y) => void steps.push(`M${x} ${y}`),
      lineTo: (x, y) => void steps.push(`L${x} ${y}`),
      arc: (x, y, r) => void steps.push(`A${r} ${r} 0 1 1 ${x - r} ${y}A${r} ${r} 0 1 1 ${x + r} ${y}`),
      closePath: () => void steps.push("Z"),
    },
    sign.shape,
    0,
    0,
    11,
  );
  return steps.join("");
}
