/**
 * Draws the newest picture, turned to the newest look, over the still panorama, with the desktop
 * window's shaders.
 */

import { between, levelOfDetail, rotationOf } from "../look.js";
import { Program, bindTexture, newTexture } from "./gl.js";

/** @typedef {import("../look.js").Look} Look */

/**
 * A decoded picture: its texture, and its look.
 *
 * @typedef {{texture: WebGLTexture, width: number, height: number, look: Look, sphere: boolean,
 *   frame: number}} Picture
 */

/** Ways to show pictures over a still panorama; the values are the shader's. */
export const COMPOSITING = { whole: 0, alone: 1, share: 2 };

const CLEAR_COLOUR = [0.055, 0.06, 0.07];
const FEATHER = 0.02;

/** Draws the newest picture at the newest look, no matter when it was decoded. */
export class Warp {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Record<string, string>} shaders - texts by file name.
   * @throws {import("./gl.js").GraphicsError} the driver refuses them.
   */
  constructor(gl, shaders) {
    this.gl = gl;
    /** @type {Picture | null} */
    this.picture = null;
    this.stillWidth = 0;
    const shared = shaders["equirectangular.glsl"] + shaders["composite.glsl"];
    const program = (/** @type {string} */ name) =>
      new Program(gl, shaders["camera_rays.vert"], shared + shaders[name]);
    this.timewarp = program("timewarp.frag");
    this.cut = program("panorama.frag");
    this.nothing = newTexture(gl, gl.TEXTURE_2D);
    gl.texImage2D(
      gl.TEXTURE_2D, 0, gl.RGBA8, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4),
    ); // prettier-ignore
    this.still = this.nothing;
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
   * Show a still panorama behind pictures, and before the first picture.
   *
   * @param {ImageBitmap} bitmap
   */
  showStill(bitmap) {
    const { gl } = this;
    this.still = newTexture(gl, gl.TEXTURE_2D);
    this.stillWidth = bitmap.width;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.REPEAT);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
  }

  /**
   * Draw the view of `look` to the canvas.
   *
   * @param {Look} look
   * @param {number} compositing
   */
  draw(look, compositing) {
    const { gl, picture } = this;
    const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    const [red, green, blue] = CLEAR_COLOUR;
    gl.clearColor(red, green, blue, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const covers = this.stillWidth > 0;
    const alone = covers && compositing === COMPOSITING.alone;
    if (!picture && (!covers || alone)) return;
    const tangent = Math.tan(look.hfov / 2);
    const shown = rotationOf(look);
    const program = picture && !picture.sphere ? this.timewarp : this.cut;
    program.use();
    gl.uniform2f(program.place("half_extent"), tangent, (tangent * height) / width);
    gl.uniformMatrix3fv(program.place("shown_to_world"), false, shown);
    gl.uniform1i(program.place("compositing"), covers ? compositing : COMPOSITING.whole);
    const detail = covers ? levelOfDetail(this.stillWidth, (2 * tangent) / width) : 0;
    gl.uniform1f(program.place("detail"), detail);
    bindTexture(gl, 1, gl.TEXTURE_2D, alone ? this.nothing : this.still);
    bindTexture(gl, 0, gl.TEXTURE_2D, picture ? picture.texture : this.nothing);
    if (picture && !picture.sphere) {
      const extent = Math.tan(picture.look.hfov / 2);
      const ratio = picture.height / picture.width;
      gl.uniform2f(program.place("picture_half_extent"), extent, extent * ratio);
      const turn = between(shown, rotationOf(picture.look));
      gl.uniformMatrix3fv(program.place("shown_to_picture"), false, turn);
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
