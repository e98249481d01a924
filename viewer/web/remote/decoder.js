/** A decoder that the server's machine runs for this page. */

import { GraphicsError, Program, bindTexture, newTexture } from "../picture/gl.js";
import { modulo } from "../look.js";

/** @typedef {import("../input/playback.js").Playback} Playback */
/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("../picture/warp.js").Picture} Picture */
/** @typedef {import("./link.js").Arrival} Arrival */
/** @typedef {import("./link.js").Link} Link */
/** @typedef {{picture: Picture, own: boolean, begun: number}} Finished */

const MERGE = `
uniform sampler2D colours;
uniform sampler2D alphas;
uniform vec2 size;
out vec4 colour;

void main() {
    vec2 at = gl_FragCoord.xy / size;
    colour = vec4(texture(colours, at).rgb, texture(alphas, at).r);
}
`;
const LONGEST_AHEAD_S = 1;

let generations = 0;

/** Asks for pictures, and holds those that have arrived as textures. */
export class RemoteDecoder {
  #epoch = 0;
  #ids = 0;
  /**
   * Asks without a picture, oldest first.
   *
   * @type {Map<number, {own: boolean, begun: number}>}
   */
  #waiting = new Map();
  /** @type {Arrival[]} */
  #arrived = [];
  /** @type {WebGLTexture[]} */
  #free = [];
  /** @type {Set<WebGLTexture>} */
  #textures = new Set();
  #error = "";
  /** Newest ask that the server could not decode a picture for. */
  #failed = 0;

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Link} link
   * @param {string} name
   * @param {number} aspect - width over height of its pictures.
   * @param {string} vertex - shader that covers the target.
   * @param {number} side - 1 for the right side of a comparison, else 0.
   */
  constructor(gl, link, name, aspect, vertex, side) {
    this.gl = gl;
    this.link = link;
    this.name = name;
    this.aspect = aspect;
    this.side = side;
    /** The server cuts its pictures from whole frames. */
    this.plan = { full_frame: false };
    this.generation = ++generations;
    /** Columns of the canvas to a tangent of 1; pictures have no more. */
    this.columns = 0;
    this.merge = new Program(gl, vertex, MERGE);
    this.merge.check();
    this.framebuffer = gl.createFramebuffer();
    this.scratch = [this.#texture(), this.#texture()];
    link.listeners.set(this.generation, {
      newest: 0,
      next: null,
      receive: (arrival) => void this.#arrived.push(arrival),
      fail: (failure) => this.#fail(failure),
    });
  }

  /** Number of asks that may still bring a picture. */
  get outstanding() {
    if (!this.link.open) return 0;
    return [...this.#waiting.keys()].filter((id) => id > this.#failed).length;
  }

  /**
   * Return true if the server answers; until then the link asks again and again.
   *
   * @returns {boolean}
   */
  ready() {
    return this.link.open;
  }

  /**
   * Return the frame to ask for, so that it is the right one when it arrives.
   *
   * @param {Playback} playback
   * @param {number} seconds - until a picture arrives.
   * @returns {number}
   */
  frameAhead({ frame, frames, fps, speed, loop, playing }, seconds) {
    if (!playing) return frame;
    const ahead = frame + Math.round(Math.min(seconds, LONGEST_AHEAD_S) * fps * speed);
    return loop ? modulo(ahead, frames) : Math.min(ahead, frames - 1);
  }

  /**
   * Return true once after each new connection: what was asked for before must be asked again.
   *
   * @returns {boolean}
   */
  renewed() {
    const renewed = this.link.epoch !== this.#epoch;
    this.#epoch = this.link.epoch;
    if (renewed) this.#waiting.clear();
    return renewed;
  }

  /**
   * Ask for a picture.
   *
   * @param {number} frame
   * @param {Look} look - level.
   * @param {boolean} own - whether it is the view's own.
   * @param {number} now
   */
  ask(frame, look, own, now) {
    const { yaw, pitch, roll, hfov } = look;
    const id = ++this.#ids;
    this.#waiting.set(id, { own, begun: now });
    this.link.ask({
      id,
      generation: this.generation,
      decoder: this.name,
      side: this.side,
      frame,
      look: [yaw, pitch, roll, hfov],
      width: Math.ceil(this.columns * 2 * Math.tan(hfov / 2)),
    });
  }

  /**
   * Return the pictures that have arrived, and when they were asked for.
   *
   * @returns {Finished[]}
   * @throws {GraphicsError} the server cannot decode.
   */
  take() {
    if (this.#error) throw new GraphicsError(`The server cannot decode: ${this.#error}`);
    const arrived = this.#arrived;
    this.#arrived = [];
    /** @type {Finished[]} */
    const finished = [];
    for (const each of arrived) {
      const waited = this.#waiting.get(each.header.id);
      // Older asks have been replaced by this one.
      for (const id of this.#waiting.keys()) if (id <= each.header.id) this.#waiting.delete(id);
      if (waited) finished.push({ picture: this.#picture(each), ...waited });
      else discard(each);
    }
    return finished;
  }

  /**
   * Use a picture's texture again, because it is no longer shown.
   *
   * @param {Picture} picture
   */
  release({ texture }) {
    this.#free.push(texture);
  }

  /** Free the graphics memory, and listen no more. */
  close() {
    const { gl, link } = this;
    link.listeners.delete(this.generation);
    this.#arrived.forEach(discard);
    this.#arrived = [];
    for (const texture of [...this.#textures, ...this.scratch]) gl.deleteTexture(texture);
    gl.deleteFramebuffer(this.framebuffer);
    this.merge.close();
  }

  /** @param {import("./link.js").Failure} failure */
  #fail({ error, id, ended }) {
    if (ended) this.#error = error;
    // Pictures asked for before may still be on their way.
    for (const each of this.#waiting.keys()) if (each <= this.#failed) this.#waiting.delete(each);
    this.#failed = id;
  }

  /**
   * @param {Arrival} arrival
   * @returns {Picture}
   */
  #picture({ header, colours, alphas }) {
    const { gl } = this;
    const { frame, width, height } = header;
    const [yaw, pitch, roll, hfov] = header.look;
    const texture = this.#free.pop() ?? this.#texture();
    this.#textures.add(texture);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    if (alphas) this.#merged(texture, colours, alphas);
    else gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, colours);
    colours.close();
    alphas?.close();
    return { texture, width, height, look: { yaw, pitch, roll, hfov }, sphere: false, frame };
  }

  /**
   * Draw colours and alpha into one texture, which is bound.
   *
   * @param {WebGLTexture} texture
   * @param {ImageBitmap} colours
   * @param {ImageBitmap} alphas
   */
  #merged(texture, colours, alphas) {
    const { gl, merge } = this;
    const { width, height } = colours;
    gl.texImage2D(
      gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null,
    ); // prettier-ignore
    for (const [unit, image] of [colours, alphas].entries()) {
      bindTexture(gl, unit, gl.TEXTURE_2D, this.scratch[unit]);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, image);
    }
    merge.use();
    gl.uniform1i(merge.place("colours"), 0);
    gl.uniform1i(merge.place("alphas"), 1);
    gl.uniform2f(merge.place("size"), width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.framebufferTexture2D(
      gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0,
    ); // prettier-ignore
    gl.viewport(0, 0, width, height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  #texture() {
    const { gl } = this;
    const texture = newTexture(gl, gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    return texture;
  }
}

/** @param {Arrival} arrival */
function discard({ colours, alphas }) {
  colours.close();
  alphas?.close();
}
