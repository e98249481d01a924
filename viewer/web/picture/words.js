/** Words in front of a headset's eyes. */

import { turned } from "../look.js";
import { Program, bindTexture, newTexture } from "./gl.js";

/** @typedef {import("../look.js").Frustum} Frustum */
/** @typedef {import("../look.js").Rotation} Rotation */
/** @typedef {import("./warp.js").Target} Target */

const COPY = `
uniform sampler2D words;
uniform vec4 place;
out vec4 colour;

void main() {
    vec2 at = (gl_FragCoord.xy - place.xy) / place.zw;
    colour = texture(words, vec2(at.x, 1.0 - at.y));
}
`;
/** Frames for which a text is shown, about eight seconds. */
const SHOWN_FRAMES = 600;
/** Half width and height of the centre, as tangents. */
const HALF_WIDTH = 0.4;
const CENTRE = -0.2;
const WIDTH = 1024;
const FONT_PX = 44;
const LINE_PX = 60;
const MARGIN_PX = 32;

/**
 * Return the lines of a text that fit into a width.
 *
 * @param {string} text
 * @param {number} width
 * @param {(line: string) => number} widthOf
 * @returns {string[]}
 */
export function linesOf(text, width, widthOf) {
  return text.split("\n").flatMap((paragraph) => {
    const lines = [""];
    for (const word of paragraph.split(" ")) {
      const last = lines[lines.length - 1];
      const longer = last ? `${last} ${word}` : word;
      if (!last || widthOf(longer) <= width) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  });
}

/**
 * Return the rectangle of the words in an eye's target: left, lower edge, width, height.
 *
 * @param {Frustum} eye
 * @param {number[]} viewport
 * @param {Rotation} head
 * @param {number} ratio - height over width of the words.
 * @returns {number[]}
 */
export function placeOf({ rotation, tangents }, viewport, head, ratio) {
  const ahead = turned(head, [0, CENTRE, 1]);
  const [x, y, depth] = [0, 3, 6].map((axis) =>
    ahead.reduce((sum, value, i) => sum + value * rotation[axis + i], 0),
  );
  const [left, right, down, up] = tangents;
  const [x0, y0, width, height] = viewport;
  const [across, above] = [width / (right - left), height / (up - down)];
  const wide = 2 * HALF_WIDTH * across;
  const high = 2 * HALF_WIDTH * ratio * above;
  const [middle, centre] = [(x / depth - left) * across, (y / depth - down) * above];
  return [x0 + middle - wide / 2, y0 + centre - high / 2, wide, high].map(Math.round);
}

/** A text for a few seconds after it has changed. */
export class Words {
  #text = "";
  #frames = 0;
  #ratio = 1;

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {string} vertex - shader that covers the target.
   */
  constructor(gl, vertex) {
    this.gl = gl;
    this.program = new Program(gl, vertex, COPY);
    this.program.check();
    this.texture = newTexture(gl, gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  }

  /**
   * Draw a text over what each eye sees.
   *
   * @param {string} text
   * @param {Rotation} head
   * @param {{frustum: Frustum, target: Target}[]} eyes
   */
  draw(text, head, eyes) {
    const { gl, program } = this;
    if (text !== this.#text) {
      this.#text = text;
      this.#frames = 0;
      if (text) this.#write(text);
    }
    this.#frames += 1;
    if (!text || this.#frames > SHOWN_FRAMES) return;
    program.use();
    gl.uniform1i(program.place("words"), 0);
    bindTexture(gl, 0, gl.TEXTURE_2D, this.texture);
    for (const { frustum, target } of eyes) {
      const [x, y, width, height] = placeOf(frustum, target.viewport, head, this.#ratio);
      gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
      gl.viewport(x, y, width, height);
      gl.uniform4f(program.place("place"), x, y, width, height);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  close() {
    this.program.close();
    this.gl.deleteTexture(this.texture);
  }

  /** @param {string} text */
  #write(text) {
    const { gl } = this;
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d");
    if (!pen) return;
    const font = `${FONT_PX}px system-ui, sans-serif`;
    pen.font = font;
    const lines = linesOf(text, WIDTH - 2 * MARGIN_PX, (line) => pen.measureText(line).width);
    canvas.width = WIDTH;
    canvas.height = lines.length * LINE_PX + 2 * MARGIN_PX;
    this.#ratio = canvas.height / canvas.width;
    pen.fillStyle = "#16181c";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = "#fff";
    pen.font = font;
    pen.textBaseline = "middle";
    lines.forEach((line, i) => pen.fillText(line, MARGIN_PX, MARGIN_PX + (i + 0.5) * LINE_PX));
    bindTexture(gl, 0, gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
  }
}
