// How the slide's colours are shown: a way of its ICC profile, or one stain alone.

import { asked } from "./api";
import type { App } from "./app";
import { fill, h } from "./dom";
import type { ColourWay } from "./slide-paths";
import type { Picture } from "./slide-source";
import { CHANNELS, cssOf, paletteOf, recolour, sharesOf } from "./stains";
import type { Channel, Stains } from "./stains";
import type { Viewer } from "./viewer";

const WAY_TITLES: Record<ColourWay, string> = {
  srgb: "sRGB (relative colorimetric)",
  absolute: "sRGB, absolute colorimetric",
  perceptual: "sRGB, perceptual",
  saturation: "sRGB, saturation",
  embed: "Profile applied by the browser",
  ignore: "As stored, no profile",
};
const CHANNEL_TITLES: Record<Channel, string> = { haematoxylin: "Haematoxylin alone", dab: "DAB alone" };
const CHANNEL_KEYS = {
  haematoxylin: { code: "Shift+KeyD", shown: "Shift+D" },
  dab: { code: "KeyD", shown: "D" },
};
const LEGEND_OD = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5];

let known: Promise<Stains> | null = null;

/** Stain vectors of the study; asked once. */
export function stainsOf(app: App): Promise<Stains> {
  known ??= asked(app.api.GET("/api/stains"));
  known.catch(() => (known = null));
  return known;
}

export function attachColours(view: Viewer, params: URLSearchParams): () => void {
  const { app } = view;
  let way = wayOf(params, view.opened.ways);
  let channel: Channel | null = null;
  const legend = h("div", { className: "colours-legend", hidden: true, aria: { role: "img" } });
  view.frame.append(legend);

  const show = async (): Promise<void> => {
    if (!channel) {
      legend.hidden = true;
      view.show({ way });
      return;
    }
    const wanted = channel;
    try {
      const stains = await stainsOf(app);
      if (channel !== wanted) return;
      const stored = view.opened.ways.includes("ignore") ? "ignore" : "srgb";
      view.show({ ...pictureOf(stains, view.slide.white, wanted), way: stored });
      fillLegend(legend, stains, wanted);
    } catch (error) {
      app.say(error instanceof Error ? error.message : String(error), "problem");
    }
  };
  const choice = h("select", { id: "colours-way" });
  for (const each of view.opened.ways) choice.add(new Option(WAY_TITLES[each], each));
  choice.value = way;
  choice.onchange = () => {
    way = choice.value as ColourWay;
    app.note({ colour: way === "srgb" ? null : way });
    void show();
  };
  const row = h("label", { className: "colours" }, h("span", {}, "Colours of the slide"), choice);
  const hasProfile = view.opened.ways.length > 1;
  const none = h("p", { className: "colours-none" }, "The slide has no colour profile: shown as stored.");
  view.side.append(hasProfile ? row : none);
  if (way !== "srgb") void show();
  const stops = CHANNELS.map((each) =>
    view.addLayer({
      name: each,
      title: CHANNEL_TITLES[each],
      key: CHANNEL_KEYS[each],
      get isOn() {
        return channel === each;
      },
      setOn(on) {
        const before = channel;
        if (on) channel = each;
        else if (channel === each) channel = null;
        if (channel !== before) void show();
      },
    }),
  );
  return () => {
    for (const stop of stops) stop();
    row.remove();
    none.remove();
    legend.remove();
  };
}

/** The picture of one stain alone; to be measured on pixels as stored. */
function pictureOf(
  stains: Stains,
  white: readonly number[],
  channel: Channel,
): Omit<Picture, "way"> {
  const shares = sharesOf(stains, white, channel);
  const palette = paletteOf(stains, channel);
  return { name: channel, recolour: (pixels) => recolour(pixels, shares, palette) };
}

function wayOf(params: URLSearchParams, ways: readonly ColourWay[]): ColourWay {
  return ways.find((each) => each === params.get("colour")) ?? "srgb";
}

function fillLegend(legend: HTMLElement, stains: Stains, channel: Channel): void {
  const palette = paletteOf(stains, channel);
  const name = channel === "dab" ? "DAB" : "haematoxylin";
  const steps = LEGEND_OD.map((od) => {
    const patch = h("span", { className: "colours-patch" });
    patch.style.background = cssOf(palette, od);
    return h("span", { className: "colours-step" }, patch, h("span", {}, String(od)));
  });
  fill(
    legend,
    h("span", {}, `${name}, optical density`),
    h("span", { className: "colours-steps" }, ...steps),
  );
  legend.setAttribute(
    "aria-label",
    `${CHANNEL_TITLES[channel]}: paper white is optical density 0, darkest is 1.5 and more`,
  );
  legend.hidden = false;
}
