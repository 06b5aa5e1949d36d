// Keys and what they do now; shown on the screen by "?".  Matched by place on the keyboard
// (event.code), so that digits work on every layout.

export interface Binding {
  /** event.code such as "Digit1" or "KeyH"; a prefix "Shift+" or "Ctrl+" asks for the modifier. */
  code: string;
  /** How the key is shown, such as "1". */
  shown: string;
  does: string;
  run(event: KeyboardEvent): void;
  /** Also while the key is held down. */
  repeats?: boolean;
}

export interface Keys {
  /** Bind keys until the returned function is called; the latest binding of a code goes first. */
  bind(group: string, bindings: Binding[]): () => void;
  /** What is bound now, for the page of keys. */
  shown(): { group: string; bindings: Binding[] }[];
}

export function createKeys(target: EventTarget = window): Keys {
  const groups: { group: string; bindings: Binding[] }[] = [];
  target.addEventListener("keydown", (raw) => {
    const event = raw as KeyboardEvent;
    if (event.altKey || event.metaKey || isTyping(event.target)) return;
    const code = `${event.ctrlKey ? "Ctrl+" : ""}${event.shiftKey ? "Shift+" : ""}${event.code}`;
    for (const { bindings } of [...groups].reverse()) {
      const found = bindings.find((binding) => binding.code === code);
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
    shown: () => groups.map((entry) => ({ ...entry })),
  };
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");
}
