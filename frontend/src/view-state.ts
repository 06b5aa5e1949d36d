// Where one looks, in the URL: middle and width in micrometres, so that a view is a link.

import type { Viewer } from "./viewer";

const WAIT_MS = 250;

/** Place the picture as the URL says, and keep the URL in step with it. */
export function attachViewState(view: Viewer, params: URLSearchParams): () => void {
  const start = placeOf(params);
  let timer = 0;
  if (start) {
    view.centre(start.x_l0, start.y_l0, start.um ?? undefined);
    view.osd.viewport.zoomTo(view.osd.viewport.getZoom(), undefined, true);
    view.osd.viewport.panTo(view.osd.viewport.getCenter(), true);
  }
  const stop = view.onDraw(() => {
    clearTimeout(timer);
    timer = setTimeout(() => note(view), WAIT_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

function note(view: Viewer): void {
  const { x, y } = view.osd.viewport.getContainerSize();
  const middle = view.toLevel0(x / 2, y / 2);
  view.app.note({
    x: Math.round(middle.x_l0),
    y: Math.round(middle.y_l0),
    um: Number((x * view.umPerPx).toPrecision(4)),
  });
}

/** The place that a URL names; null where it names none or no numbers. */
export function placeOf(
  params: URLSearchParams,
): { x_l0: number; y_l0: number; um: number | null } | null {
  const [x, y, um] = ["x", "y", "um"].map((name) => finite(params.get(name)));
  if (x == null || y == null) return null;
  return { x_l0: x, y_l0: y, um: um != null && um > 0 ? um : null };
}

function finite(text: string | null): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
