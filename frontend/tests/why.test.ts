// What the panel says in words and bars, and how what-if asks.

import { expect, test, vi } from "vitest";
import { endOf, signed } from "../src/bars";
import { cellOf } from "../src/cell-link";
import { latestOnly, SLIDERS } from "../src/whatif";
import { runOf, sameCell } from "../src/why-answer";
import type { Why } from "../src/why-answer";
import { agreement, firstSentence, gapWords, percent, referenceName, stampsOf } from "../src/why-words";

function zone(name: string, dab: number, haematoxylin: number): Why["zones"][number] {
  return { zone: name, logits: dab + haematoxylin, stains: { dab, haematoxylin } };
}
const WHY = {
  call: "positive",
  label: "weak",
  logit: 3.2,
  probability: 0.94,
  reference: "opposite",
  n_references: 4,
  is_converged: true,
  is_reference_valid: true,
  is_small_rise: false,
  rise: 7,
  gap: -0.07,
  zones: [zone("own_ring", 4.1, -0.2), zone("own_nucleus", 0, -2.5), zone("rest", 0.3, 0.1)],
} as unknown as Why;

test("the first sentence names what pushed most and what held back most", () => {
  expect(firstSentence(WHY)).toBe(
    "Logit +3.2: pushed most by brown on its own membrane (+4.1), held back most by blue on its own nucleus (\u22122.5).",
  );
  const negative = { ...WHY, call: "negative", logit: -3.2 } as Why;
  expect(firstSentence(negative)).toContain("pushed most by blue on its own nucleus (\u22122.5)");
});

test("a call that nothing pushed towards is not explained away", () => {
  const nothing = { ...WHY, zones: [zone("rest", -0.1, -0.2)] } as Why;
  expect(firstSentence(nothing)).toContain("Nothing in the patch pushed towards the call");
});

test("a label agrees by side, and other labels neither agree nor differ", () => {
  expect(agreement(WHY)).toBe(true);
  expect(agreement({ ...WHY, label: "negative" } as Why)).toBe(false);
  for (const label of [null, "other", "cannot_judge"]) {
    expect(agreement({ ...WHY, label } as Why)).toBeNull();
  }
});

test("a map that must not be trusted is stamped", () => {
  expect(stampsOf(WHY)).toEqual([]);
  const bad = { ...WHY, is_converged: false, is_reference_valid: false } as Why;
  expect(stampsOf(bad)).toEqual(["map not converged", "reference not valid"]);
});

test("the gap is a share of the rise, but of next to nothing it is given in logits", () => {
  expect(gapWords(WHY)).toBe("1.0 %");
  expect(gapWords({ ...WHY, is_small_rise: true } as Why)).toBe("0.07 logits");
});

test("the reference of a call is cells of the other call", () => {
  expect(referenceName(WHY)).toBe("4 negative training cells");
  expect(referenceName({ ...WHY, call: "negative", n_references: 1 } as Why)).toBe("1 positive training cell");
  expect(referenceName({ ...WHY, reference: "white" } as Why)).toBe("clear glass");
});

test("numbers have a sign and a real minus, and nothing has none", () => {
  expect([signed(1.25), signed(-1.25), signed(-0.01), signed(0)]).toEqual(["+1.3", "\u22121.3", "0.0", "0.0"]);
  expect([percent(0.5), percent(0.999), percent(0.001)]).toEqual(["50 %", "99.9 %", "0.1 %"]);
});

test("the scale reaches as far as its marks", () => {
  expect([endOf([]), endOf([3.9]), endOf([-4.1]), endOf([300])]).toEqual([4, 4, 8, 300]);
});

test("while an answer is under way only the latest question waits", async () => {
  vi.useFakeTimers();
  const asked: (() => void)[] = [];
  const latest: boolean[] = [];
  let value = 0;
  const seen: number[] = [];
  const questions = latestOnly(async (isLatest) => {
    seen.push(value);
    await new Promise<void>((done) => asked.push(done));
    latest.push(isLatest());
  }, 60);
  for (value = 1; value <= 3; value += 1) questions.ask();
  value = 3;
  await vi.advanceTimersByTimeAsync(60);
  expect(seen).toEqual([3]);
  for (value = 4; value <= 6; value += 1) {
    questions.ask();
    await vi.advanceTimersByTimeAsync(61);
  }
  value = 6;
  expect(seen).toEqual([3]);
  asked[0]!();
  await vi.advanceTimersByTimeAsync(1);
  expect(latest).toEqual([false]);
  expect(seen).toEqual([3, 6]);
  questions.stop();
  asked[1]!();
  await vi.advanceTimersByTimeAsync(1);
  expect(latest).toEqual([false, false]);
  vi.useRealTimers();
});

test("sliders in percent are sent as shares and micrometres as they are", () => {
  expect(SLIDERS.map(({ most, share }) => most / share)).toEqual([1, 1, 1, 6, 6]);
});

test("a link names a cell by its id and place", () => {
  const params = new URLSearchParams("cell=c1&cx=10.5&cy=20&x=1&y=2");
  expect(cellOf(params, "s1")).toEqual({ cell_id: "c1", slide_id: "s1", x_l0: 10.5, y_l0: 20 });
  expect(cellOf(new URLSearchParams("cell=c1&x=1&y=2"), "s1")).toMatchObject({ x_l0: 1, y_l0: 2 });
  for (const text of ["cx=1&cy=2", "cell=c1", "cell=c1&cx=a&cy=2"]) {
    expect(cellOf(new URLSearchParams(text), "s1")).toBeNull();
  }
  expect(runOf("#/slide?id=s1&run=0003")).toBe("0003");
  expect(runOf("#/slide?id=s1")).toBeNull();
  const [one, other] = ["s1", "s2"].map((slide_id) => ({ cell_id: "c", slide_id, x_l0: 0, y_l0: 0 }));
  expect(sameCell(one!, { ...one!, x_l0: 5 })).toBe(true);
  expect(sameCell(one!, other!)).toBe(false);
});
