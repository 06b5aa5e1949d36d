// Cells drawn by WebGL2 from typed arrays: fields of the slide that are in view, slice by slice,
// so that a million of them never hold up a frame.

import type { DrawList } from "./point-index";
import { FRAGMENT, VERTEX } from "./point-shaders";

/** What is in view: the level-0 place of the canvas' top left, and CSS pixels a level-0 pixel. */
export interface Frame {
  left: number;
  top: number;
  scale: number;
  width: number;
  height: number;
  dpr: number;
  /** Of a mark, in CSS pixels. */
  size: number;
  calls: boolean;
  doubt: boolean;
}

export interface Signs {
  /** Red, green, blue 0..1 of each sign, see DrawList.kinds. */
  palette: readonly (readonly [number, number, number])[];
  doubt: readonly [number, number, number];
}

type MultiDraw = {
  multiDrawArraysWEBGL(
    mode: number, firsts: Int32Array, a: number, counts: Int32Array, b: number, n: number,
  ): void;
};

export class PointPainter {
  private readonly uniforms = new Map<string, WebGLUniformLocation | null>();
  private readonly multi: MultiDraw | null;
  private list: DrawList | null = null;
  private frame: Frame | null = null;
  private fields: number[] = [];
  private fence: WebGLSync | null = null;

  private constructor(private readonly gl: WebGL2RenderingContext, signs: Signs) {
    const program = programOf(gl);
    gl.useProgram(program);
    for (const name of ["middle", "middleRest", "perPx", "size", "mode", "palette", "doubtColour"]) {
      this.uniforms.set(name, gl.getUniformLocation(program, name));
    }
    gl.uniform3fv(this.at("palette"), signs.palette.flat());
    gl.uniform3fv(this.at("doubtColour"), signs.doubt);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.multi = gl.getExtension("WEBGL_multi_draw") as MultiDraw | null;
  }

  /** A painter on a canvas, or null where the browser has no WebGL2. */
  static on(canvas: HTMLCanvasElement, signs: Signs): PointPainter | null {
    const gl = canvas.getContext("webgl2", {
      antialias: false,
      depth: false,
      preserveDrawingBuffer: true, // a still picture is completed slice by slice
    });
    if (!gl || gl.isContextLost()) return null;
    return new PointPainter(gl, signs);
  }

  /** Take other cells; the arrays go into buffers of the graphics card as they are. */
  give(list: DrawList): void {
    const { gl } = this;
    this.list = list;
    gl.bindVertexArray(gl.createVertexArray());
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, list.places, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, list.kinds, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 4, gl.UNSIGNED_BYTE, 0, 0);
  }

  /** Clear the canvas for a view; return how many cells lie in the fields that it shows. */
  begin(frame: Frame): number {
    const { gl, list } = this;
    const canvas = gl.canvas as HTMLCanvasElement;
    const [width, height] = [frame.width, frame.height].map((px) => Math.round(px * frame.dpr));
    if (canvas.width !== width) canvas.width = width!;
    if (canvas.height !== height) canvas.height = height!;
    gl.viewport(0, 0, width!, height!);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.frame = frame;
    this.fields = [];
    if (!list || !(frame.calls || frame.doubt)) return 0;
    this.place(list, frame);
    this.fields = fieldsIn(list, frame);
    return this.fields.reduce((n, at) => n + list.starts[at + 1]! - list.starts[at]!, 0);
  }

  /** Draw the part of the cells in view between two shares, 0 to 1. */
  paint(from: number, to: number): void {
    const { gl, frame, list } = this;
    if (!frame || !list || !this.fields.length) return;
    const firsts = new Int32Array(this.fields.length);
    const counts = new Int32Array(this.fields.length);
    this.fields.forEach((at, row) => {
      const n = list.starts[at + 1]! - list.starts[at]!;
      firsts[row] = list.starts[at]! + Math.floor(n * from);
      counts[row] = list.starts[at]! + Math.floor(n * to) - firsts[row]!;
    });
    for (const [mode, isOn] of [frame.calls, frame.doubt].entries()) {
      if (!isOn) continue;
      gl.uniform1i(this.at("mode"), mode);
      if (this.multi) {
        this.multi.multiDrawArraysWEBGL(gl.POINTS, firsts, 0, counts, 0, firsts.length);
      } else {
        firsts.forEach((first, row) => gl.drawArrays(gl.POINTS, first, counts[row]!));
      }
    }
    this.forget();
    this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  /** Whether the graphics card has finished what was painted last. */
  isDone(): boolean {
    if (!this.fence) return true;
    const { gl } = this;
    if (gl.clientWaitSync(this.fence, 0, 0) === gl.TIMEOUT_EXPIRED) return false;
    this.forget();
    return true;
  }

  private forget(): void {
    if (this.fence) this.gl.deleteSync(this.fence);
    this.fence = null;
  }

  private place(list: DrawList, frame: Frame): void {
    const { gl } = this;
    const x = frame.left + frame.width / 2 / frame.scale - list.origin.x;
    const y = frame.top + frame.height / 2 / frame.scale - list.origin.y;
    const [nearX, nearY] = [Math.fround(x), Math.fround(y)];
    gl.uniform2f(this.at("middle"), nearX, nearY);
    gl.uniform2f(this.at("middleRest"), x - nearX, y - nearY);
    gl.uniform2f(this.at("perPx"), (2 * frame.scale) / frame.width, (-2 * frame.scale) / frame.height);
    gl.uniform1f(this.at("size"), Math.max(1, frame.size * frame.dpr));
  }

  private at(name: string): WebGLUniformLocation | null {
    return this.uniforms.get(name) ?? null;
  }
}

/** Fields of a list that a view shows, with room for marks at its edge. */
export function fieldsIn(list: DrawList, frame: Frame): number[] {
  const room = (2 * frame.size) / frame.scale;
  const left = frame.left - list.origin.x - room;
  const top = frame.top - list.origin.y - room;
  const right = left + frame.width / frame.scale + 2 * room;
  const bottom = top + frame.height / frame.scale + 2 * room;
  const found: number[] = [];
  for (let at = 0; at + 1 < list.starts.length; at++) {
    const [x0, y0, x1, y1] = list.boxes.subarray(4 * at, 4 * at + 4);
    if (x0! <= right && x1! >= left && y0! <= bottom && y1! >= top) found.push(at);
  }
  return found;
}

function programOf(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program) ?? "the shaders do not link");
  }
  return program;
}
