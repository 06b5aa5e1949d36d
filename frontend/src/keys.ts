// Keys and what they do now; shown on the screen by "?".  Matched by place on the keyboard
// (event.code), so that digits work on every layout.  A person may choose other keys.

import { stored } from "./stored";

export interface Binding {
  /**
   * event.code such as "Digit1" or "KeyH"; a prefix "Shift+" or "Ctrl+" asks for the modifier.
   * "key:?" is matched by the sign that the key types instead.
   */
  code: string;
  /** How the key is shown, such as "1". */
  shown: string;
  does: string;
  run(event: KeyboardEvent): void;
  /** Also while the key is held down. */
  repeats?: boolean;
}

/** A key as a person presses it. */
export interface Key {
  code: string;
  shown: string;
}

export interface Keys {
  /** Bind keys until the returned function is called; the latest binding of a code goes first. */
  bind(group: string, bindings: Binding[]): () => void;
  /** What is bound now, with the person's own keys, for the page of keys. */
  shown(): { group: string; bindings: (Binding & { first: string })[] }[];
  /** Let another key do what a binding does; null gives the first key back. */
  remap(group: string, first: string, to: Key | null): void;
  /** The key that does now what `first` did at first. */
  keyOf(group: string, first: Key): Key;
  /** Called when a key was changed. */
  onChange(run: () => void): () => void;
}

type Own = Record<string, Key>;

export function createKeys(target: EventTarget = window): Keys {
  const groups: { group: string; bindings: Binding[] }[] = [];
  const changes = new Set<() => void>();
  const own = stored<Own>("keys", {}, isOwn);
  const keyOf = (group: string, first: Key): Key => own.get()[`${group}/${first.code}`] ?? first;

  target.addEventListener("keydown", (raw) => {
    const event = raw as KeyboardEvent;
    if (event.altKey || event.metaKey || event.defaultPrevented) return;
    if (isTyping(event.target) || isPressing(event) || isBehindDialog()) return;
    const code = codeOf(event);
    for (const { group, bindings } of [...groups].reverse()) {
      const found = bindings.find((binding) => {
        const wanted = keyOf(group, binding).code;
        return wanted === code || wanted === `key:${event.key}`;
      });
      if (!found) continue;
      event.preventDefault();
      if (!event.repeat || found.repeats) found.run(event);
      return;
    }
  });
  return {
    bind(group, bindings) {
      const entry = { group, bindings };
      groups.push(entry);
      return () => {
        const at = groups.indexOf(entry);
        if (at >= 0) groups.splice(at, 1);
      };
    },
    shown: () =>
      groups.map(({ group, bindings }) => ({
        group,
        bindings: bindings.map((each) => ({ ...each, ...keyOf(group, each), first: each.code })),
      })),
    remap(group, first, to) {
      const { [`${group}/${first}`]: _old, ...others } = own.get();
      own.set(to && to.code !== first ? { ...others, [`${group}/${first}`]: to } : others);
      for (const run of [...changes]) run();
    },
    keyOf: (group, first) => {
      const { code, shown } = keyOf(group, first);
      return { code, shown };
    },
    onChange(run) {
      changes.add(run);
      return () => {
        changes.delete(run);
      };
    },
  };
}

/** The code of a pressed key with its modifiers, as bindings write it. */
export function codeOf(event: Pick<KeyboardEvent, "ctrlKey" | "shiftKey" | "code">): string {
  return `${event.ctrlKey ? "Ctrl+" : ""}${event.shiftKey ? "Shift+" : ""}${event.code}`;
}

/** How a pressed key is written on the screen, by the layout of its keyboard. */
export function shownKey(
  event: Pick<KeyboardEvent, "ctrlKey" | "shiftKey" | "code" | "key">,
): string {
  const place = event.code.replace(/^(Key|Digit)/, "").replace(/^Numpad/, "Number pad ");
  const types = event.key.length === 1 && event.key.trim() && !event.shiftKey ? event.key : place;
  return `${event.ctrlKey ? "Ctrl+" : ""}${event.shiftKey ? "Shift+" : ""}${types.length === 1 ? types.toUpperCase() : types}`;
}

function isOwn(value: unknown): value is Own {
  if (!value || typeof value !== "object" || Array.isArray(value)) return false;
  return Object.values(value).every(
    (each: unknown) =>
      each !== null &&
      typeof each === "object" &&
      "code" in each &&
      typeof each.code === "string" &&
      "shown" in each &&
      typeof each.shown === "string",
  );
}

function isTyping(target: EventTarget | null): boolean {
  return isA(target, "input:not([type=checkbox]):not([type=radio]), select, textarea");
}

/** Space and Enter belong to a control that was reached by keyboard. */
function isPressing(event: KeyboardEvent): boolean {
  if (event.code !== "Space" && event.code !== "Enter" && event.code !== "NumpadEnter") return false;
  return isA(
    event.target,
    ":is(button, a, summary, input, [role=button], [role=option]):focus-visible",
  );
}

function isBehindDialog(): boolean {
  return typeof document !== "undefined" && document.querySelector("dialog:modal") !== null;
}

function isA(target: EventTarget | null, selector: string): boolean {
  const { matches } = (target ?? {}) as Partial<Element>;
  return typeof matches === "function" && matches.call(target, selector);
}
