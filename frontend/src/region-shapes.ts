// Outlines of regions: corners in level-0 pixels, as drawn and as paths.

export type Point = [number, number];
export type Ring = Point[];
/** An outline, and holes after it. */
export type Polygon = Ring[];

/** Corners closer than this to the one before say nothing new, in CSS pixels. */
const APART_PX = 1.5;

/** An SVG path of polygons; holes come out by the rule evenodd. */
export function pathOf(polygons: readonly Polygon[]): string {
  const ringPath = (ring: Ring): string =>
    `M${ring.map(([x, y]) => `${rounded(x)} ${rounded(y)}`).join("L")}Z`;
  return polygons.flatMap((polygon) => polygon.map(ringPath)).join("");
}

/** The four corners of a rectangle between two places. */
export function rectangle([x1, y1]: Point, [x2, y2]: Point): Ring {
  return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
}

/** Area of polygons without their holes, in level-0 pixels squared. */
export function areaOf(polygons: readonly Polygon[]): number {
  return polygons.reduce((sum, [outline, ...holes]) => {
    const inner = holes.reduce((area, hole) => area + ringArea(hole), 0);
    return sum + (outline ? ringArea(outline) - inner : 0);
  }, 0);
}

/** The upright box around polygons. */
export function boxOf(polygons: readonly Polygon[]): { left: number; top: number; right: number; bottom: number } {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x, y] of polygons.flat(2)) {
    box.left = Math.min(box.left, x);
    box.top = Math.min(box.top, y);
    box.right = Math.max(box.right, x);
    box.bottom = Math.max(box.bottom, y);
  }
  return box;
}

/**
 * A line drawn by hand with fewer corners: none is farther than `tolerance` from the line drawn.
 * Source: Douglas and Peucker (1973), with the farthest corner from the first as second anchor.
 */
export function simplified(line: Ring, tolerance: number): Ring {
  if (line.length < 4) return line;
  const first = line[0]!;
  let far = 0;
  line.forEach((each, at) => {
    if (distance(each, first) > distance(line[far]!, first)) far = at;
  });
  const one = reduced(line.slice(0, far + 1), tolerance);
  const other = reduced([...line.slice(far), first], tolerance);
  return [...one.slice(0, -1), ...other.slice(0, -1)];
}

/** Whether a hand-drawn line says something new at a place; all in level-0 pixels. */
export function isApart(line: Ring, next: Point, pxPerL0: number): boolean {
  const last = line.at(-1);
  return !last || distance(last, next) * pxPerL0 > APART_PX;
}

function reduced(line: Ring, tolerance: number): Ring {
  const keep = new Set([0, line.length - 1]);
  const open: [number, number][] = [[0, line.length - 1]];
  for (let part = open.pop(); part; part = open.pop()) {
    const [from, to] = part;
    let worst = tolerance;
    let at = -1;
    for (let index = from + 1; index < to; index++) {
      const off = offLine(line[index]!, line[from]!, line[to]!);
      if (off > worst) [worst, at] = [off, index];
    }
    if (at < 0) continue;
    keep.add(at);
    open.push([from, at], [at, to]);
  }
  return line.filter((_, index) => keep.has(index));
}

function offLine(point: Point, from: Point, to: Point): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length2 = dx * dx + dy * dy;
  const along = length2
    ? Math.min(1, Math.max(0, ((point[0] - from[0]) * dx + (point[1] - from[1]) * dy) / length2))
    : 0;
  return distance(point, [from[0] + along * dx, from[1] + along * dy]);
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}

function ringArea(ring: Ring): number {
  let twice = 0;
  ring.forEach(([x, y], at) => {
    const [nextX, nextY] = ring[(at + 1) % ring.length]!;
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
