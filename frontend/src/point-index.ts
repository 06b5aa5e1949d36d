// What drawing and picking a million cells needs, made once: cells sorted by fields of the slide,
// in a random order within each, and a search tree.  Runs in a worker, or in the page where none
// can be started.

import Flatbush from "flatbush";
import type { PointTable } from "./point-table";
import { doubtOf } from "./point-table";

/** Cells in the order in which they are drawn. */
export interface DrawList {
  /** x and y of each in level-0 pixels from `origin`. */
  places: Float32Array;
  /** Four bytes a cell: sign (0..3 level, 4 does not count), doubt 0..255, two unused. */
  kinds: Uint8Array;
  origin: { x: number; y: number };
  /** Fields of the slide: the box around its cells from `origin`, and which of the list lie in it. */
  boxes: Float32Array;
  starts: Uint32Array;
}

export interface PointIndex {
  draw: DrawList;
  /** A Flatbush over the rows of the table, in tenths of level-0 pixels. */
  tree: ArrayBuffer;
}

export const NOT_COUNTED = 4;
const MOST_FIELDS = 400;
const LEAST_A_FIELD = 2000;

/** The sign of a row: its level; of a run without levels, negative or strong; or none that counts. */
export function signAt({ reason, level, header }: PointTable, row: number): number {
  if (reason[row]) return NOT_COUNTED;
  return header.has_levels ? level[row]! : level[row]! && 3;
}

/** Everything that is made of a table before it is drawn; `seed` fixes the random order. */
export function indexOf(table: PointTable, seed = 1): PointIndex {
  return { draw: drawList(table, seed), tree: treeOf(table) };
}

/** Rows within a radius of a place, nearest first; all in tenths of level-0 pixels. */
export function rowNear(tree: Flatbush, x: number, y: number, radius: number): number | null {
  return tree.neighbors(x, y, 1, radius)[0] ?? null;
}

export function openTree(data: ArrayBuffer): Flatbush | null {
  return data.byteLength ? Flatbush.from(data) : null;
}

function treeOf({ x, y, header }: PointTable): ArrayBuffer {
  if (!header.n) return new ArrayBuffer(0);
  const tree = new Flatbush(header.n, 16, Int32Array);
  for (let row = 0; row < header.n; row++) tree.add(x[row]!, y[row]!, x[row]!, y[row]!);
  tree.finish();
  return tree.data as ArrayBuffer;
}

function drawList(table: PointTable, seed: number): DrawList {
  const n = table.header.n;
  const frame = frameOf(table);
  const side = fieldSide(frame, n);
  const columns = Math.max(1, Math.ceil((frame.width + 1) / side));
  const nFields = columns * Math.max(1, Math.ceil((frame.height + 1) / side));
  const field = new Uint16Array(n);
  const starts = new Uint32Array(nFields + 1);
  for (let row = 0; row < n; row++) {
    const column = Math.floor((table.x[row]! - frame.left) / side);
    const at = Math.floor((table.y[row]! - frame.top) / side) * columns + column;
    field[row] = at;
    starts[at + 1]!++;
  }
  for (let at = 0; at < nFields; at++) starts[at + 1]! += starts[at]!;
  const next = starts.slice();
  const places = new Float32Array(2 * n);
  const kinds = new Uint8Array(4 * n);
  const boxes = emptyBoxes(nFields);
  for (const row of shuffled(n, seed)) {
    const at = next[field[row]!]!++;
    const x = (table.x[row]! - frame.left) / 10;
    const y = (table.y[row]! - frame.top) / 10;
    places[2 * at] = x;
    places[2 * at + 1] = y;
    kinds[4 * at] = signAt(table, row);
    kinds[4 * at + 1] = Math.round(255 * doubtOf(table.probability[row]!));
    widen(boxes, field[row]!, x, y);
  }
  return { places, kinds, boxes, starts, origin: { x: frame.left / 10, y: frame.top / 10 } };
}

interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

function frameOf({ x, y, header }: PointTable): Frame {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let row = 0; row < header.n; row++) {
    left = Math.min(left, x[row]!);
    right = Math.max(right, x[row]!);
    top = Math.min(top, y[row]!);
    bottom = Math.max(bottom, y[row]!);
  }
  if (!header.n) return { left: 0, top: 0, width: 0, height: 0 };
  return { left, top, width: right - left, height: bottom - top };
}

/** Fields of so many cells that a screen holds few of them, and not too many in all. */
function fieldSide(frame: Frame, n: number): number {
  const nFields = Math.min(MOST_FIELDS, Math.max(1, n / LEAST_A_FIELD));
  return Math.max(1, Math.sqrt(((frame.width + 1) * (frame.height + 1)) / nFields));
}

function emptyBoxes(n: number): Float32Array {
  const boxes = new Float32Array(4 * n);
  for (let at = 0; at < n; at++) boxes.set([Infinity, Infinity, -Infinity, -Infinity], 4 * at);
  return boxes;
}

function widen(boxes: Float32Array, at: number, x: number, y: number): void {
  const from = 4 * at;
  if (x < boxes[from]!) boxes[from] = x;
  if (y < boxes[from + 1]!) boxes[from + 1] = y;
  if (x > boxes[from + 2]!) boxes[from + 2] = x;
  if (y > boxes[from + 3]!) boxes[from + 3] = y;
}

/** 0..n-1 in an order that the seed decides. */
function shuffled(n: number, seed: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let at = 0; at < n; at++) order[at] = at;
  let state = seed >>> 0;
  for (let at = n - 1; at > 0; at--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes
    const other = Math.floor((state / 2 ** 32) * (at + 1));
    const kept = order[at]!;
    order[at] = order[other]!;
    order[other] = kept;
  }
  return order;
}
