// The table of cells: columns, names, the order of drawing, and picking.

import Flatbush from "flatbush";
import { describe, expect, test } from "vitest";
import { indexOf, NOT_COUNTED, openTree, rowNear } from "../src/point-index";
import type { PointTable } from "../src/point-table";
import { cellNamer, doubtOf, readPointTable } from "../src/point-table";
import { fieldsIn } from "../src/points-gl";
import { cellWords, hiddenWords, modelWords } from "../src/point-panel";

interface Row {
  x: number;
  y: number;
  probability?: number;
  level?: number;
  reason?: number;
}

/** The bytes that the server sends for rows in tenths of level-0 pixels. */
function bytesOf(rows: Row[], header: object = {}): ArrayBuffer {
  const n = rows.length;
  const columns: [string, string, ArrayBufferView][] = [
    ["x_tenths", "i4", Int32Array.from(rows, ({ x }) => x)],
    ["y_tenths", "i4", Int32Array.from(rows, ({ y }) => y)],
    ["logit", "f4", Float32Array.from(rows, () => 1)],
    ["probability", "f4", Float32Array.from(rows, ({ probability = 0.9 }) => probability)],
    ["number", "u4", Uint32Array.from(rows, (_, at) => 7 * at)],
    ["level", "u1", Uint8Array.from(rows, ({ level = 0 }) => level)],
    ["reason", "u1", Uint8Array.from(rows, ({ reason = 0 }) => reason)],
  ];
  let offset = 0;
  const places = columns.map(([name, dtype, data]) => {
    const place = { name, dtype, offset, length: data.byteLength };
    offset += Math.ceil(data.byteLength / 8) * 8;
    return place;
  });
  const full = {
    n, n_all: n, slide_id: "s1", run: "0001", model: "fold-0", part: "hold-out", source: "scores",
    has_levels: true, reasons: ["", "called_other"], is_disclosed: true, named: [],
    columns: places, ...header,
  };
  let text = JSON.stringify(full);
  text += " ".repeat((8 - (new TextEncoder().encode(text).length % 8)) % 8);
  const head = new TextEncoder().encode(text);
  const raw = new Uint8Array(8 + head.length + offset);
  new DataView(raw.buffer).setUint32(0, head.length, true);
  raw.set(head, 8);
  columns.forEach(([, , data], at) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    raw.set(bytes, 8 + head.length + places[at]!.offset);
  });
  return raw.buffer;
}

const table = (rows: Row[], header: object = {}): PointTable => readPointTable(bytesOf(rows, header));

describe("the table", () => {
  test("has its columns where the header says, x and y not exchanged", () => {
    const found = table([{ x: 2002, y: 500 }, { x: 3008, y: 605, level: 3 }]);
    expect([...found.x]).toEqual([2002, 3008]);
    expect([...found.y]).toEqual([500, 605]);
    expect([...found.level]).toEqual([0, 3]);
    expect([...found.number]).toEqual([0, 7]);
  });

  test("that is cut short or something else is refused", () => {
    const raw = bytesOf([{ x: 1, y: 2 }, { x: 3, y: 4 }]);
    expect(() => readPointTable(raw.slice(0, 4))).toThrow("no table");
    expect(() => readPointTable(raw.slice(0, 40))).toThrow("cut short");
    expect(() => readPointTable(raw.slice(0, raw.byteLength - 9))).toThrow("cut short");
  });

  test("names a cell as the server does, by its place, or by its own name", () => {
    const cell = cellNamer(
      table([{ x: 12102, y: 2580 }, { x: -5, y: 9 }, { x: 10, y: 20 }], {
        named: [[14, "c9", 1.25, 2.5]],
      }),
    );
    expect(cell(0)).toEqual({ cell_id: "s1@1210.2_258.0", slide_id: "s1", x_l0: 1210.2, y_l0: 258 });
    expect(cell(1).cell_id).toBe("s1@-0.5_0.9");
    expect(cell(2)).toEqual({ cell_id: "c9", slide_id: "s1", x_l0: 1.25, y_l0: 2.5 });
  });

  test("doubt is greatest in the middle", () => {
    expect([0, 0.5, 1, 0.9].map((p) => Number(doubtOf(p).toFixed(3)))).toEqual([0, 1, 0, 0.2]);
  });
});

describe("picking", () => {
  const many = Array.from({ length: 3000 }, (_, at) => ({
    x: 10 * ((at * 7919) % 5003),
    y: 10 * ((at * 104729) % 2003),
  }));

  test("finds the nearest cell within the radius and none beyond it", () => {
    const found = table(many);
    const tree = openTree(indexOf(found).tree) as Flatbush;
    for (const [x, y] of [[100, 200], [25_000, 9_000], [49_000, 20_000], [12_345, 6_789]] as const) {
      const away = many.map((one) => Math.hypot(one.x - x, one.y - y));
      const least = Math.min(...away);
      expect(rowNear(tree, x, y, least + 1)).toBe(away.indexOf(least));
      expect(rowNear(tree, x, y, least - 0.5)).toBeNull();
    }
  });

  test("of no cells finds nothing", () => {
    const empty = indexOf(table([]));
    expect(openTree(empty.tree)).toBeNull();
    expect(empty.draw.places).toHaveLength(0);
  });
});

describe("the order of drawing", () => {
  const rows: Row[] = Array.from({ length: 9000 }, (_, at) => ({
    x: 10 * (at % 300), y: 20 * Math.floor(at / 300), level: at % 4, reason: at % 5 ? 0 : 1,
    probability: (at % 101) / 100,
  }));
  const { draw } = indexOf(table(rows));

  test("holds every cell once with its own sign and doubt", () => {
    const seen = new Map<string, [number, number]>();
    for (let at = 0; at < rows.length; at++) {
      const x = 10 * (draw.places[2 * at]! + draw.origin.x);
      const y = 10 * (draw.places[2 * at + 1]! + draw.origin.y);
      seen.set(`${x} ${y}`, [draw.kinds[4 * at]!, draw.kinds[4 * at + 1]!]);
    }
    expect(seen.size).toBe(rows.length);
    for (const { x, y, level, reason, probability } of rows) {
      const sign = reason ? NOT_COUNTED : level;
      expect(seen.get(`${x} ${y}`)).toEqual([sign, Math.round(255 * doubtOf(Math.fround(probability!)))]);
    }
  });

  test("fields in view hold every cell in view, and few others", () => {
    const frame = { left: 100, top: 200, scale: 2, width: 100, height: 80, dpr: 1, size: 4, calls: true, doubt: false };
    const fields = fieldsIn(draw, frame);
    const ranges = fields.map((at) => [draw.starts[at]!, draw.starts[at + 1]!] as const);
    for (let at = 0; at < rows.length; at++) {
      const [x, y] = [draw.places[2 * at]!, draw.places[2 * at + 1]!];
      if (x < 100 || x > 150 || y < 200 || y > 240) continue;
      expect(ranges.some(([from, to]) => at >= from && at < to)).toBe(true);
    }
    expect(fields.length).toBeLessThan(draw.starts.length - 1);
  });

  test("a run without levels has no weak cells", () => {
    const plain = indexOf(table([{ x: 1, y: 1, level: 1 }], { has_levels: false }));
    expect(plain.draw.kinds[0]).toBe(3);
  });
});

describe("words", () => {
  test("name run and network wherever a prediction is shown", () => {
    const found = table([{ x: 1, y: 2, level: 3, probability: 0.96 }]);
    expect(modelWords(found.header)).toBe("Run 0001, network fold-0; its case was held out of training");
    const words = new Map(cellWords(found, 0));
    expect(words.get("Call")).toBe("Strong 3+");
    expect(words.get("Positive")).toBe("96 % probable");
    expect(words.get("By")).toContain("Run 0001");
  });

  test("say how many are hidden", () => {
    expect(hiddenWords(table([{ x: 1, y: 2 }]).header)).toBeNull();
    const blind = table([], { n_all: 1009838, is_disclosed: false }).header;
    expect(hiddenWords(blind)).toContain("All 1,009,838 predictions are hidden");
  });
});
