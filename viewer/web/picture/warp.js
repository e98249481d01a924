/**
 * Draws the newest picture, turned to the newest look, over the still panorama, with the desktop
 * window's shaders.
 */

import { between, levelOfDetail, rotationOf } from "../look.js";
import { Program, bindTexture, newTexture } from "./gl.js";

/** @typedef {import("../look.js").Frustum} Frustum */
/** @typedef {import("../look.js").Look} Look */

/**
 * A decoded picture: its texture, and its look.
 *
 * @typedef {{texture: WebGLTexture, width: number, height: number, look: Look, sphere: boolean,
 *   frame: number}} Picture
 */

/**
 * A still panorama: its texture, the columns of that, and a small picture of it for the map.
 *
 * @typedef {{texture: WebGLTexture, width: number, small: HTMLCanvasElement}} Still
 */

/**
 * Target of a drawing: a framebuffer, its rectangle (left, lower edge, width, height), and the
 * part of its width that is drawn, from begin to end in [0, 1]. Pictures: the newest one, and those
 * of what it cannot show, the newest last.
 *
 * @typedef {{framebuffer: WebGLFramebuffer | null, viewport: number[], part?: number[]}} Target
 * @typedef {{picture: Picture | null, others: Picture[]}} Pictures
 * @typedef {{extent: number[], matrix: number[], width: number, behind: Still | null,
 *   compositing: number}} Rays
 */

/** Ways to show pictures over a still panorama; the values are the shader's. */
export const COMPOSITING = { whole: 0, alone: 1, share: 2 };

const CLEAR_COLOUR = [0.055, 0.06, 0.07];
const FEATHER = 0.02;
/** Columns of the small picture of a still panorama. */
const SMALL = 440;

/** Draws the newest picture at the newest look, no matter when it was decoded. */
export class Warp {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Record<string, string>} shaders - texts by file name.
   * @throws {import("./gl.js").GraphicsError} the driver refuses them.
   */
  constructor(gl, shaders) {
    this.gl = gl;
    const shared = shaders["equirectangular.glsl"] + shaders["composite.glsl"];
    const program = (/** @type {string} */ name) =>
      new Program(gl, shaders["camera_rays.vert"], shared + shaders[name]);
    this.timewarp = program("timewarp.frag");
    this.cut = program("panorama.frag");
    this.nothing = newTexture(gl, gl.TEXTURE_2D);
    gl.texImage2D(
      gl.TEXTURE_2D, 0, gl.RGBA8, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4),
    ); // prettier-ignore
    for (const each of [this.timewarp, this.cut]) {
      each.check();
      each.use();
      gl.uniform1i(each.place("picture"), 0);
      gl.uniform1i(each.place("behind"), 1);
      gl.uniform3fv(each.place("clear_colour"), CLEAR_COLOUR);
      gl.uniform2f(each.place("feather"), FEATHER, FEATHER);
    }
  }

  /**
   * Draw a view: the newest picture over the others, over the still panorama.
   *
   * @param {Frustum} frustum
   * @param {number} compositing
   * @param {Pictures} pictures
   * @param {Still | null} still
   * @param {Target} target
   */
  draw(frustum, compositing, { picture, others }, still, { framebuffer, viewport, part = [0, 1] }) {
    const { gl } = this;
    const [x, y, width, height] = viewport;
    const [begin, end] = part.map((share) => Math.round(share * width));
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.viewport(x, y, width, height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(x + begin, y, end - begin, height);
    const [red, green, blue] = CLEAR_COLOUR;
    gl.clearColor(red, green, blue, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const covers = still !== null;
    const alone = covers && compositing === COMPOSITING.alone;
    const behind = alone ? null : still;
    const rays = { ...raysOf(frustum), width, behind, compositing: covers ? compositing : 0 };
    if (others.length === 0) {
      if (picture || (covers && !alone)) this.#layer(rays, picture, false);
    } else {
      if (covers && !alone) this.#layer(rays, null, false);
      gl.enable(gl.BLEND);
      gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ZERO, gl.ONE);
      for (const each of others) this.#layer(rays, each, true);
      if (picture) this.#layer(rays, picture, true);
      gl.disable(gl.BLEND);
    }
    gl.disable(gl.SCISSOR_TEST);
  }

  /**
   * Draw one picture, or the still panorama.
   *
   * @param {Rays} rays
   * @param {Picture | null} picture
   * @param {boolean} layered - over what is drawn already.
   */
  #layer({ extent, matrix, width, behind, compositing }, picture, layered) {
    const { gl } = this;
    const flat = picture !== null && !picture.sphere;
    const program = flat ? this.timewarp : this.cut;
    program.use();
    gl.uniform2fv(program.place("half_extent"), extent);
    gl.uniformMatrix3fv(program.place("shown_to_world"), false, matrix);
    gl.uniform1i(program.place("compositing"), compositing);
    gl.uniform1i(program.place("layered"), Number(layered));
    const detail = behind ? levelOfDetail(behind.width, (2 * extent[0]) / width) : 0;
    gl.uniform1f(program.place("detail"), detail);
    bindTexture(gl, 1, gl.TEXTURE_2D, behind?.texture ?? this.nothing);
    bindTexture(gl, 0, gl.TEXTURE_2D, picture ? picture.texture : this.nothing);
    if (flat) {
      const tangent = Math.tan(picture.look.hfov / 2);
      const ratio = picture.height / picture.width;
      gl.uniform2f(program.place("picture_half_extent"), tangent, tangent * ratio);
      const turn = between(matrix, rotationOf(picture.look));
      gl.uniformMatrix3fv(program.place("shown_to_picture"), false, turn);
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

/**
 * Return the half extent and the matrix that turn a corner of the view into a direction. The
 * matrix is sheared if the pyramid is oblique.
 *
 * @param {Frustum} frustum
 * @returns {{extent: number[], matrix: number[]}}
 */
export function raysOf({ rotation, tangents: [left, right, down, up] }) {
  const [x, y] = [(left + right) / 2, (down + up) / 2];
  const ahead = [0, 1, 2].map((i) => x * rotation[i] + y * rotation[i + 3] + rotation[i + 6]);
  return {
    extent: [(right - left) / 2, (up - down) / 2],
    matrix: [...rotation.slice(0, 6), ...ahead],
  };
}

/**
 * Make a still panorama that can be drawn.
 *
 * @param {WebGL2RenderingContext} gl
 * @param {ImageBitmap} bitmap
 * @returns {Still}
 */
export function newStill(gl, bitmap) {
  const texture = newTexture(gl, gl.TEXTURE_2D);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.REPEAT);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.generateMipmap(gl.TEXTURE_2D);
  const small = document.createElement("canvas");
  [small.width, small.height] = [SMALL, SMALL / 2];
  small.getContext("2d")?.drawImage(bitmap, 0, 0, SMALL, SMALL / 2);
  return { texture, width: bitmap.width, small };
}
