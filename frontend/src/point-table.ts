// The predicted cells of a slide: the bytes of the server as typed arrays, nothing copied.

import type { CellRef } from "./outbox";

export interface PointHeader {
  n: number;
  /** All predicted cells of the slide, those that may not be seen too. */
  n_all: number;
  slide_id: string;
  run: string;
  model: string;
  part: string;
  source: "scores" | "predictions";
  has_levels: boolean;
  reasons: string[];
  is_disclosed: boolean;
  /** Cells with a name of their own: number, cell_id, x_l0, y_l0. */
  named: [number, string, number, number][];
  columns: { name: string; dtype: string; offset: number; length: number }[];
}

export interface PointTable {
  readonly header: PointHeader;
  /** Tenths of level-0 pixels. */
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly logit: Float32Array;
  readonly probability: Float32Array;
  /** The number of each cell in the run's table, rising. */
  readonly number: Uint32Array;
  readonly level: Uint8Array;
  /** Index of `header.reasons`; 0: the cell counts. */
  readonly reason: Uint8Array;
}

/** Read the bytes of /api/slides/{id}/points. Throws Error where they are something else. */
export function readPointTable(raw: ArrayBuffer): PointTable {
  if (raw.byteLength < 8) throw new Error("the server sent no table of cells");
  const length = new DataView(raw).getUint32(0, true);
  if (8 + length > raw.byteLength) throw new Error("the table of cells is cut short");
  const text = new TextDecoder().decode(new Uint8Array(raw, 8, length));
  const header = JSON.parse(text) as PointHeader;
  const at = (name: string, size: number): [ArrayBuffer, number, number] => {
    const column = header.columns.find((one) => one.name === name);
    if (!column) throw new Error(`the table of cells has no ${name}`);
    const start = 8 + length + column.offset;
    if (start + column.length > raw.byteLength) throw new Error("the table of cells is cut short");
    return [raw, start, column.length / size];
  };
  return {
    header,
    x: new Int32Array(...at("x_tenths", 4)),
    y: new Int32Array(...at("y_tenths", 4)),
    logit: new Float32Array(...at("logit", 4)),
    probability: new Float32Array(...at("probability", 4)),
    number: new Uint32Array(...at("number", 4)),
    level: new Uint8Array(...at("level", 1)),
    reason: new Uint8Array(...at("reason", 1)),
  };
}

/** Names the cells of a table by their rows. */
export function cellNamer(table: PointTable): (row: number) => CellRef {
  const { slide_id, named } = table.header;
  const byNumber = new Map(named.map(([number, ...rest]) => [number, rest]));
  return (row) => {
    const known = byNumber.get(table.number[row]!);
    if (known) return { cell_id: known[0], slide_id, x_l0: known[1], y_l0: known[2] };
    const [x, y] = [table.x[row]!, table.y[row]!];
    return {
      cell_id: `${slide_id}@${tenths(x)}_${tenths(y)}`,
      slide_id,
      x_l0: x / 10,
      y_l0: y / 10,
    };
  };
}

/** 0 sure of the call, 1 undecided. */
export function doubtOf(probability: number): number {
  return 1 - Math.abs(2 * probability - 1);
}

function tenths(value: number): string {
  const whole = Math.abs(value);
  return `${value < 0 ? "-" : ""}${Math.floor(whole / 10)}.${whole % 10}`;
}
