// Makes the index of a table of cells beside the page, so that the page never waits for it.

import { indexOf } from "./point-index";
import { readPointTable } from "./point-table";

self.onmessage = (event: MessageEvent<ArrayBuffer>): void => {
  const raw = event.data;
  const { draw, tree } = indexOf(readPointTable(raw));
  const parts = [raw, tree, draw.places.buffer, draw.kinds.buffer, draw.boxes.buffer];
  self.postMessage({ raw, draw, tree }, { transfer: [...parts, draw.starts.buffer] });
};
