import { beforeEach, expect, test, vi } from "vitest";
import { codeOf, createKeys, shownKey } from "../src/keys";

const kept = new Map<string, string>();
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
});
beforeEach(() => kept.clear());

function press(target: EventTarget, code: string, more: Partial<KeyboardEvent> = {}): Event {
  const event = new Event("keydown", { cancelable: true });
  const plain = { altKey: false, metaKey: false, ctrlKey: false, shiftKey: false, repeat: false };
  Object.assign(event, { code, key: "", ...plain, ...more });
  target.dispatchEvent(event);
  return event;
}

function setUp() {
  const target = new EventTarget();
  const done: string[] = [];
  const binding = (code: string, does: string, repeats = false) =>
    ({ code, shown: code, does, repeats, run: () => done.push(does) });
  return { target, done, binding, keys: createKeys(target) };
}

test("a key does what was bound last, and the older again when that is undone", () => {
  const { target, done, binding, keys } = setUp();
  keys.bind("A", [binding("KeyD", "old")]);
  const undo = keys.bind("B", [binding("KeyD", "new")]);
  press(target, "KeyD");
  undo();
  press(target, "KeyD");
  expect(done).toEqual(["new", "old"]);
});

test("Shift is another key, and Alt belongs to the browser", () => {
  const { target, done, binding, keys } = setUp();
  keys.bind("A", [binding("Digit1", "weak"), binding("Shift+Digit1", "5x")]);
  press(target, "Digit1", { shiftKey: true });
  press(target, "Digit1");
  expect(press(target, "Digit1", { altKey: true }).defaultPrevented).toBe(false);
  expect(done).toEqual(["5x", "weak"]);
});

test("a key that is held down repeats only where that is wanted", () => {
  const { target, done, binding, keys } = setUp();
  keys.bind("A", [binding("ArrowUp", "pan", true), binding("Digit1", "weak")]);
  press(target, "ArrowUp", { repeat: true });
  press(target, "Digit1", { repeat: true });
  expect(done).toEqual(["pan"]);
});

test("a question mark opens help wherever the keyboard has it", () => {
  const { target, done, binding, keys } = setUp();
  keys.bind("Help", [binding("key:?", "help")]);
  press(target, "Minus", { shiftKey: true, key: "?" });
  press(target, "Slash", { shiftKey: true, key: "?" });
  expect(done).toEqual(["help", "help"]);
});

test("a key of one's own takes the place of the first one, is shown, and outlasts a reload", () => {
  const { target, done, binding, keys } = setUp();
  keys.bind("Layers", [binding("KeyD", "DAB")]);
  keys.remap("Layers", "KeyD", { code: "KeyK", shown: "K" });
  press(target, "KeyD");
  press(target, "KeyK");
  expect(done).toEqual(["DAB"]);
  expect(keys.shown()[0]!.bindings[0]).toMatchObject({ code: "KeyK", shown: "K", first: "KeyD" });
  expect(createKeys(new EventTarget()).keyOf("Layers", { code: "KeyD", shown: "D" }).shown).toBe("K");
  keys.remap("Layers", "KeyD", null);
  press(target, "KeyD");
  expect(done).toEqual(["DAB", "DAB"]);
});

test("what an older version left in the browser is not believed", () => {
  kept.set("rimlight.keys", '{"Layers/KeyD": 7}');
  const { target, done, binding, keys } = setUp();
  keys.bind("Layers", [binding("KeyD", "DAB")]);
  press(target, "KeyD");
  expect(done).toEqual(["DAB"]);
});

test("text that is typed does nothing else", () => {
  const { done, binding } = setUp();
  const field = new EventTarget() as EventTarget & { matches(selector: string): boolean };
  field.matches = (selector) => selector.includes("textarea");
  createKeys(field).bind("A", [binding("Digit1", "weak")]);
  press(field, "Digit1");
  expect(done).toEqual([]);
});

test("keys are written as the keyboard has them", () => {
  const of = (code: string, key: string, more = {}) =>
    shownKey({ code, key, ctrlKey: false, shiftKey: false, ...more });
  expect(of("KeyQ", "a")).toBe("A");
  expect(of("Digit1", "!", { shiftKey: true })).toBe("Shift+1");
  expect(of("ArrowLeft", "ArrowLeft")).toBe("ArrowLeft");
  expect(codeOf({ code: "KeyZ", ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+KeyZ");
});
