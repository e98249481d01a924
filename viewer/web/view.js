/** The view on the page: camera, decoding and drawing. */

import { Camera } from "./input/camera.js";
import { Playback } from "./input/playback.js";
import { predictedLook } from "./look.js";
import { Decoder } from "./picture/decoder.js";
import { Decoding } from "./picture/decoding.js";
import { GraphicsError, drawsHalfFloats } from "./picture/gl.js";
import { COMPOSITING, Warp } from "./picture/warp.js";
import { loadDecoder } from "./scene/loading.js";

/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./scene/description.js").DecoderEntry} DecoderEntry */
/** @typedef {import("./scene/description.js").Description} Description */
/** @typedef {import("./scene/loading.js").Unpacked} Unpacked */
/** @typedef {{decoder: Decoder, name: string, hfov: number[]}} Opened */

const MAX_PIXEL_RATIO = 2;
const LONGEST_STEP_S = 0.25;
const DISPLAY_MS = 1000;

/**
 * Return the message of a page that cannot decode here.
 *
 * @param {string} reason - why, the beginning of a sentence.
 * @param {Description} description
 * @returns {string}
 */
export function undecodable(reason, { still }) {
  const shown = still ? " What stands still in it is shown." : "";
  return `${reason}, with which this page decodes its video.${shown}`;
}

/** One scene on a canvas. */
export class View {
  /** @type {Map<string, Promise<Unpacked>>} */
  #unpacked = new Map();
  /** @type {Opened | null} */
  #compiling = null;
  #scheduled = false;
  #before = NaN;
  #drawn = "";
  /** @type {number[]} */
  #drawings = [];
  /**
   * The decoder in use.
   *
   * @type {Opened | null}
   */
  #opened = null;
  /**
   * The decoder used before, while its picture is still on screen.
   *
   * @type {Opened | null}
   */
  #retired = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {WebGL2RenderingContext} gl
   * @param {Description} description
   * @param {(sentence: string) => void} fail - called with the reason if it cannot decode.
   */
  constructor(canvas, gl, description, fail) {
    this.canvas = canvas;
    this.gl = gl;
    this.description = description;
    this.fail = fail;
    this.camera = new Camera();
    this.playback = new Playback(description.frames, description.fps);
    this.warp = new Warp(gl, description.shaders);
    this.decoding = new Decoding(gl);
    this.compositing = COMPOSITING.whole;
    /** Whether it can decode; otherwise it shows only the still panorama. */
    this.decodes = drawsHalfFloats(gl);
    /** Name of the wanted decoder. */
    this.wanted = "";
    /** @type {(now: number) => void} */
    this.onFrame = () => {};
    this.wake = this.wake.bind(this);
    new ResizeObserver(this.wake).observe(canvas);
  }

  /** Name of the decoder of the picture on screen; empty before the first picture. */
  get shown() {
    if (!this.warp.picture) return "";
    return (this.#retired ?? this.#opened)?.name ?? "";
  }

  /** Width over height of the view. */
  get aspect() {
    return this.canvas.clientWidth / Math.max(this.canvas.clientHeight, 1);
  }

  /**
   * Return recent drawings per second; 0 at rest.
   *
   * @param {number} now
   * @returns {number}
   */
  displayRate(now) {
    const late = this.#drawings.filter((time) => now - time < DISPLAY_MS);
    const [first, last] = [late[0], late[late.length - 1]];
    return last > first ? ((late.length - 1) * 1000) / (last - first) : 0;
  }

  /** Draw soon, because something has happened. */
  wake() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame((now) => this.#turn(now));
  }

  /**
   * Show the still panorama.
   *
   * @param {ImageBitmap} still
   */
  showStill(still) {
    this.warp.showStill(still);
    this.#drawn = "";
    this.wake();
  }

  /**
   * Decode by this decoder as soon as it is ready; the current picture stays until then.
   *
   * @param {string} name
   */
  async open(name) {
    if (name === this.wanted) return;
    this.wanted = name;
    try {
      if (!this.decodes) throw new GraphicsError(
          undecodable("The graphics here cannot draw into textures of half floats", this.description),
        );
      const entry = this.description.decoders.find((each) => each.name === name);
      if (!entry) throw new Error(`There is no decoder ${name}.`);
      const { plan, embeddings, motion } = await this.#load(entry);
      if (name !== this.wanted) return;
      const vertex = this.description.shaders["whole.vert"];
      const { gl, warp } = this;
      const decoder = new Decoder(gl, plan, embeddings, motion, warp.still, vertex);
      this.#compiling?.decoder.close();
      this.#compiling = { decoder, name, hfov: entry.hfov };
    } catch (error) {
      this.#unpacked.delete(name);
      if (name !== this.wanted) return;
      this.wanted = "";
      if (!this.#opened) this.playback.playing = false;
      this.fail(error instanceof Error ? error.message : String(error));
    }
    this.wake();
  }

  /**
   * @param {DecoderEntry} entry
   * @returns {Promise<Unpacked>}
   */
  #load(entry) {
    const unpacked = this.#unpacked.get(entry.name) ?? loadDecoder(this.description, entry);
    this.#unpacked.set(entry.name, unpacked);
    return unpacked;
  }

  /**
   * Run the loop once.
   *
   * @param {number} now
   */
  #turn(now) {
    this.#scheduled = false;
    const seconds = Math.min((now - this.#before) / 1000 || 0, LONGEST_STEP_S);
    this.#before = now;
    const { camera, playback } = this;
    camera.advance(seconds);
    playback.advance(seconds);
    const moves = camera.moving;
    this.#resize();
    try {
      this.#begin();
      this.#decode(now, moves);
    } catch (error) {
      this.#compiling = this.#opened = null;
      this.fail(error instanceof Error ? error.message : String(error));
    }
    this.#draw(now);
    this.onFrame(now);
    if (moves || playback.playing || this.decoding.busy || this.#compiling) this.wake();
    else this.#before = NaN;
  }

  /** Switch to the decoder that has been compiled, if any. */
  #begin() {
    const compiled = this.#compiling;
    if (!compiled?.decoder.ready()) return;
    this.#compiling = null;
    if (this.#retired) this.#opened?.decoder.close();
    else if (this.warp.picture) this.#retired = this.#opened;
    else this.#opened?.decoder.close();
    this.#opened = compiled;
    this.decoding.open(compiled.decoder);
  }

  /**
   * @param {number} now
   * @param {boolean} moves
   */
  #decode(now, moves) {
    if (!this.#opened) return;
    const { decoder, hfov } = this.#opened;
    const overscan = (this.camera.speed * this.decoding.latency) / 1000;
    const range = { aspect: decoder.aspect, hfov };
    const look = predictedLook(this.camera.look(), this.aspect, overscan, range);
    const picture = this.decoding.step(now, this.playback.frame, look, moves);
    if (!picture) return;
    if (!this.warp.picture) performance.mark("decoded");
    this.warp.picture = picture;
    this.#retired?.decoder.close();
    this.#retired = null;
    this.canvas.dataset.frame = String(picture.frame);
    this.canvas.dataset.decoder = this.shown;
  }

  #resize() {
    const { canvas } = this;
    const ratio = Math.min(window.devicePixelRatio, MAX_PIXEL_RATIO);
    const width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
    const height = Math.max(Math.round(canvas.clientHeight * ratio), 1);
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    this.#drawn = "";
  }

  /** @param {number} now */
  #draw(now) {
    const look = this.camera.look();
    const { picture } = this.warp;
    const { yaw, pitch, roll, hfov } = look;
    const state = `${yaw} ${pitch} ${roll} ${hfov} ${this.compositing} ${this.decoding.times.at(-1)}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    this.warp.draw(look, this.compositing);
    this.#drawings = [...this.#drawings.filter((time) => now - time < DISPLAY_MS), now];
    if (!this.canvas.dataset.shown && this.warp.stillWidth) performance.mark("still");
    if (picture || this.warp.stillWidth) this.canvas.dataset.shown = picture ? "decoded" : "still";
  }
}
