// The panel of layers: each with its switch, its key and its name; which are on stands in the URL.

import { fill, h } from "./dom";
import type { Layer } from "./slide-view";
import type { Viewer } from "./viewer";

const GROUP = "Layers";

/** Names of the layers that a URL asks for; null where it leaves that to the person's habits. */
export function layersOf(params: URLSearchParams): Set<string> | null {
  const text = params.get("layers");
  return text === null ? null : new Set(text.split(".").filter(Boolean));
}

export function attachLayers(view: Viewer, params: URLSearchParams): () => void {
  const wanted = layersOf(params);
  const rows = h("div", { className: "layers-rows" });
  const panel = h("section", { className: "layers", aria: { label: "Layers" } });
  panel.append(h("h2", {}, "Layers"), rows);
  view.side.append(panel);
  const seen = new WeakSet<Layer>();
  let boxes: { layer: Layer; box: HTMLInputElement }[] = [];
  let unbind = (): void => {};

  const show = (): void => {
    for (const { layer, box } of boxes) box.checked = layer.isOn;
  };
  const turn = (layer: Layer): void => {
    layer.setOn(!layer.isOn);
    show();
    view.app.say(`${layer.title}: ${layer.isOn ? "on" : "off"}`);
    const on = view.layers.filter(({ isOn, isHabit }) => isOn && !isHabit);
    if (!layer.isHabit) view.app.note({ layers: on.map(({ name }) => name).join(".") });
  };
  const list = (): void => {
    for (const layer of view.layers) {
      if (wanted && !layer.isHabit && !seen.has(layer)) layer.setOn(wanted.has(layer.name));
      seen.add(layer);
    }
    boxes = view.layers.map((layer) => ({
      layer,
      box: h("input", { type: "checkbox", onchange: () => turn(layer) }),
    }));
    fill(rows, ...boxes.map(({ layer, box }) => row(view, layer, box)));
    unbind();
    unbind = view.app.keys.bind(GROUP, view.layers.flatMap((layer) => binding(layer, turn)));
    show();
  };
  const stops = [view.onLayers(list), view.onDraw(show), view.app.keys.onChange(list)];
  list();
  return () => {
    for (const stop of stops) stop();
    unbind();
    panel.remove();
  };
}

function row(view: Viewer, layer: Layer, box: HTMLInputElement): HTMLElement {
  const key = layer.key && h("kbd", {}, view.app.keys.keyOf(GROUP, layer.key).shown);
  return h("label", { className: "layers-row" }, box, h("span", {}, layer.title), key);
}

function binding(layer: Layer, turn: (layer: Layer) => void) {
  if (!layer.key) return [];
  const does = `${layer.title}: on or off`;
  return [{ ...layer.key, does, run: () => turn(layer) }];
}
