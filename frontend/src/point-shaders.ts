// How one cell is drawn: a shape and a colour by its call, or a ring by the doubt of the call.

export const VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in uvec4 kind;
uniform vec2 middle;      // what the middle of the canvas shows, level-0 pixels
uniform vec2 middleRest;  // what single precision loses of it
uniform vec2 perPx;
uniform float size;       // of a mark, device pixels
uniform int mode;         // 0 calls, 1 doubt
flat out int mark;
flat out float doubt;
void main() {
  vec2 away = (place - middle) - middleRest;
  mark = int(kind.x);
  doubt = float(kind.y) / 255.0;
  gl_Position = vec4(away * perPx, 0.0, 1.0);
  gl_PointSize = mode == 0 ? size : size * (1.0 + 0.8 * step(6.0, size));
  if (mode == 1 && doubt < 0.1) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
uniform vec3 palette[5];
uniform vec3 doubtColour;
uniform float size;
uniform int mode;
flat in int mark;
flat in float doubt;
out vec4 colour;
float away(vec2 p) {
  vec2 a = abs(p);
  if (mark == 0) return length(p) - 0.8;
  if (mark == 1) return max(a.x * 0.866 - p.y * 0.5, p.y) - 0.46 + 0.12 * p.y;
  if (mark == 2) return max(a.x, a.y) - 0.72;
  if (mark == 3) return a.x + a.y - 1.0;
  return max(max(a.x, a.y) - 0.75, min(a.x, a.y) - 0.26);
}
void main() {
  vec2 p = 2.0 * gl_PointCoord - 1.0;
  if (mode == 1) {
    if (size < 6.0) { colour = vec4(doubtColour, 1.0) * doubt; return; }
    float r = length(p);
    float inner = 0.92 - 0.45 * doubt;
    if (r > 1.0 || r < inner - 0.08) discard;
    bool isLine = r <= 0.94 && r >= inner;
    float strength = 0.35 + 0.65 * doubt;
    colour = vec4(isLine ? doubtColour : vec3(1.0), 1.0) * strength;
    return;
  }
  if (size < 4.0) { colour = vec4(palette[mark], 1.0); return; }
  float d = away(p);
  float rim = size < 7.0 ? 0.0 : 2.4 / size;
  if (d > 0.0) discard;
  colour = vec4(d > -rim ? vec3(1.0) : palette[mark], 1.0);
}`;
