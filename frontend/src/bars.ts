// Numbers as small bars made of elements: diverging from zero, and a scale with a threshold.

import { h } from "./dom";

export interface Bar {
  name: string;
  value: number;
  /** Said on hovering and to screen readers. */
  title?: string;
}

/** A number with its sign and a real minus; next to nothing has no sign. */
export function signed(value: number, digits = 1): string {
  const text = value.toFixed(digits);
  if (Number(text) === 0) return (0).toFixed(digits);
  return (value > 0 ? `+${text}` : text).replace("-", "\u2212");
}

/** A list of bars to both sides of one axis, all on one scale. */
export function divergingBars(bars: Bar[], { label, most }: { label: string; most?: number }) {
  const end = most ?? Math.max(0.5, ...bars.map(({ value }) => Math.abs(value)));
  const rows = bars.map(({ name, value, title }) => {
    const bar = h("span", { className: "bars-bar", data: { side: value < 0 ? "below" : "above" } });
    const width = Math.min(1, Math.abs(value) / end) * 50;
    bar.style.width = `${width}%`;
    bar.style.left = `${value < 0 ? 50 - width : 50}%`;
    const track = h("span", { className: "bars-track", aria: { hidden: "true" } }, bar);
    const number = h("span", { className: "bars-value" }, signed(value));
    return h(
      "li",
      { className: "bars-row", title: title ?? "" },
      h("span", { className: "bars-name" }, name),
      track,
      number,
    );
  });
  return h("ul", { className: "bars", aria: { label } }, ...rows);
}

/** Bars from zero to the right, for amounts that are never negative. */
export function amountBars(bars: (Bar & { isStrong?: boolean })[], { label }: { label: string }) {
  const end = Math.max(0.01, ...bars.map(({ value }) => value));
  const rows = bars.map(({ name, value, title, isStrong }) => {
    const bar = h("span", { className: "bars-bar", data: { side: isStrong ? "stain" : "plain" } });
    bar.style.left = "0";
    bar.style.width = `${(Math.max(0, value) / end) * 100}%`;
    const track = h("span", { className: "bars-track bars-track-plain" }, bar);
    track.setAttribute("aria-hidden", "true");
    return h(
      "li",
      { className: "bars-row", title: title ?? "" },
      h("span", { className: "bars-name" }, name),
      track,
      h("span", { className: "bars-value" }, value.toFixed(2)),
    );
  });
  return h("ul", { className: "bars", aria: { label } }, ...rows);
}

export interface Mark {
  value: number;
  /** The sign at the mark; text only. */
  sign: string;
  kind: "now" | "before" | "reference";
}

/** A line from negative to positive with its threshold and marks on it. */
export function logitScale(marks: Mark[], { label, threshold = 0 }: { label: string; threshold?: number }) {
  const end = endOf(marks.map(({ value }) => value - threshold));
  const place = (value: number): string =>
    `${50 + 50 * Math.max(-1, Math.min(1, (value - threshold) / end))}%`;
  const line = h("div", { className: "scale-line", aria: { hidden: "true" } });
  line.append(h("span", { className: "scale-threshold" }));
  for (const { value, sign, kind } of marks) {
    const mark = h("span", { className: "scale-mark", data: { kind } }, sign);
    mark.style.left = place(value);
    line.append(mark);
  }
  const ends = h(
    "div",
    { className: "scale-ends", aria: { hidden: "true" } },
    h("span", {}, `\u25c0 negative (\u2212${end})`),
    h("span", {}, "threshold 0"),
    h("span", {}, `positive (+${end}) \u25b6`),
  );
  return h("div", { className: "scale", aria: { role: "img", label } }, line, ends);
}

/** The first of a few round numbers that reaches as far as every value. */
export function endOf(values: number[]): number {
  const most = Math.max(0, ...values.map(Math.abs));
  return [4, 8, 12, 20, 40, 80].find((end) => end >= most) ?? Math.ceil(most);
}
