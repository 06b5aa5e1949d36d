// The sheet of keys that "?" opens: what each does on this page, and a way to choose another.

import "./keys-page.css";
import type { App } from "./app";
import { fill, h } from "./dom";
import { codeOf, shownKey } from "./keys";
import type { Binding, Key } from "./keys";

const MODIFIERS = ["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Tab", "Dead"];
type Shown = Binding & { first: string };
type Place = { group: string; binding: Shown };

/** Let "?" open the sheet of keys; returns what opens it. */
export function attachKeysPage(app: App): () => void {
  app.keys.bind("Help", [
    { code: "key:?", shown: "?", does: "show this sheet of keys", run: () => openKeys(app) },
  ]);
  return () => openKeys(app);
}

/** Open the sheet of keys over the present page. */
export function openKeys(app: App): void {
  const list = h("div", { className: "keys-groups" });
  const told = h("p", { className: "keys-told", aria: { live: "polite" } });
  const close = h("button", { type: "button" }, "Close");
  const reset = h("button", { type: "button" }, "First keys again");
  const sheet = h(
    "dialog",
    { className: "keys-sheet", aria: { labelledby: "keys-title" } },
    h("h2", { id: "keys-title" }, "Keys"),
    h("p", {}, "Choose a key to change it. Keys are kept in this browser."),
    told,
    list,
    h("div", { className: "keys-foot" }, reset, close),
  );
  let listening: Place | null = null;

  const show = (): void => {
    const groups = new Map<string, Shown[]>();
    for (const { group, bindings } of app.keys.shown()) {
      groups.set(group, [...(groups.get(group) ?? []), ...bindings]);
    }
    fill(list, ...[...groups].map(([group, bindings]) => table(group, bindings)));
  };
  const table = (group: string, bindings: Shown[]): HTMLElement => {
    const key = (binding: Shown): HTMLElement => {
      const button = h("button", { type: "button", className: "keys-key" }, h("kbd", {}, binding.shown));
      button.setAttribute("aria-label", `${binding.shown}: ${binding.does}; change the key`);
      button.onclick = () => listen({ group, binding }, button);
      return button;
    };
    const rows = [...new Set(bindings.map(({ does }) => does))].map((does) => {
      const keys = bindings.filter((each) => each.does === does).map(key);
      return h("tr", {}, h("td", {}, does), h("td", {}, ...keys));
    });
    const head = h("h3", {}, group);
    return h("section", { className: "keys-group" }, head, h("table", {}, h("tbody", {}, ...rows)));
  };
  const listen = (place: Place, button: HTMLElement): void => {
    listening = place;
    fill(button, h("kbd", {}, "press a key"));
    told.textContent = `Press the key for: ${place.binding.does}. Escape leaves it as it is.`;
  };
  sheet.addEventListener("keydown", (event) => {
    if (!listening || MODIFIERS.includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const place = listening;
    listening = null;
    if (event.code !== "Escape") told.textContent = change(app, place, event);
    else told.textContent = "";
    show();
    focusOn(list, place);
  });
  sheet.addEventListener("cancel", (event) => {
    if (listening) event.preventDefault();
  });
  reset.onclick = () => {
    for (const { group, bindings } of app.keys.shown()) {
      for (const { first } of bindings) app.keys.remap(group, first, null);
    }
    told.textContent = "All keys are as they were at first.";
    show();
  };
  close.onclick = () => sheet.close();
  sheet.onclose = () => sheet.remove();
  show();
  document.body.append(sheet);
  sheet.showModal();
}

function change(app: App, { group, binding }: Place, event: KeyboardEvent): string {
  if (event.altKey || event.metaKey) return "Alt and Cmd belong to the browser; press another key.";
  const key: Key = { code: codeOf(event), shown: shownKey(event) };
  const taken = takenBy(app, key.code);
  if (taken && taken.does !== binding.does) {
    return `${key.shown} does already: ${taken.does}. Give that another key first.`;
  }
  app.keys.remap(group, binding.first, key);
  return `${key.shown} does now: ${binding.does}.`;
}

function takenBy(app: App, code: string): Binding | undefined {
  return app.keys
    .shown()
    .flatMap(({ bindings }) => bindings)
    .find((each) => each.code === code);
}

function focusOn(list: HTMLElement, { binding }: Place): void {
  const buttons = [...list.querySelectorAll<HTMLElement>(".keys-key")];
  buttons.find((each) => each.getAttribute("aria-label")?.includes(`: ${binding.does};`))?.focus();
}
