/** The view on the page: camera, decoding and drawing. */

import { Camera } from "./input/camera.js";
import { Playback } from "./input/playback.js";
import { Recorder } from "./input/recorder.js";
import { frustumOf, predictedLook } from "./look.js";
import { beyond, pointsOf } from "./picture/covering.js";
import { Decoder } from "./picture/decoder.js";
import { Decoding, TURNING_MS } from "./picture/decoding.js";
import { GraphicsError, drawsHalfFloats } from "./picture/gl.js";
import { COMPOSITING, Warp } from "./picture/warp.js";
import { RemoteDecoder } from "./remote/decoder.js";
import { loadDecoder } from "./scene/loading.js";

/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./picture/decoding.js").Wanted} Wanted */
/** @typedef {import("./scene/description.js").DecoderEntry} DecoderEntry */
/** @typedef {import("./scene/description.js").Description} Description */
/** @typedef {import("./scene/loading.js").Unpacked} Unpacked */
/** @typedef {import("./remote/link.js").Link} Link */
/** @typedef {import("./look.js").Frustum} Frustum */
/** @typedef {import("./picture/warp.js").Target} Target */
/**
 * Everything that is seen: a look and its aspect that enclose all pyramids, and these.
 *
 * @typedef {{look: Look, aspect: number, frusta: Frustum[]}} Sight
 */
/** @typedef {{decoder: Decoder | RemoteDecoder, name: string, hfov: number[]}} Opened */

const MAX_PIXEL_RATIO = 2;
const LONGEST_STEP_S = 0.25;
const DISPLAY_MS = 1000;
const HEADSET_TOLD_MS = 250;

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
  /** @type {ImageBitmap | null} */
  #still = null;
  /** Whether the graphics context is lost. */
  #lost = false;
  /** Whether a headset shows the view, and calls for each picture. */
  #presents = false;
  /**
   * Sight of the headset; null on the page.
   *
   * @type {Sight | null}
   */
  #sight = null;
  #toldAt = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {WebGL2RenderingContext} gl
   * @param {Description} description
   * @param {(error: unknown) => void} fail - called with the reason if it cannot decode.
   */
  constructor(canvas, gl, description, fail) {
    this.canvas = canvas;
    this.gl = gl;
    this.description = description;
    this.fail = fail;
    this.camera = new Camera();
    this.playback = new Playback(description.frames, description.fps);
    this.recorder = new Recorder(description.recording);
    this.warp = new Warp(gl, description.shaders);
    this.decoding = new Decoding(gl);
    this.compositing = COMPOSITING.whole;
    /** Whether it can decode; otherwise it shows only the still panorama. */
    this.decodes = drawsHalfFloats(gl);
    /**
     * Connection to the server that decodes; null if this browser does.
     *
     * @type {Link | null}
     */
    this.remote = null;
    /** Name of the wanted decoder; empty if there is none that works. */
    this.wanted = "";
    /** Name of the decoder that was last asked for, whether or not it works. */
    this.asked = "";
    /** @type {(now: number) => void} */
    this.onFrame = () => {};
    /** @type {(now: number) => void} - called after each turn, also in a headset. */
    this.onTurn = () => {};
    /** Called after another decoder is wanted. */
    this.onDecoder = () => {};
    this.wake = this.wake.bind(this);
    new ResizeObserver(this.wake).observe(canvas);
  }

  /** Name of the decoder of the picture on screen; empty before the first picture. */
  get shown() {
    if (!this.warp.picture) return "";
    return (this.#retired ?? this.#opened)?.name ?? "";
  }

  /** Whether the picture on screen comes from the server. */
  get shownThere() {
    return (this.#retired ?? this.#opened)?.decoder instanceof RemoteDecoder;
  }

  /** Name of the decoder whose first picture is awaited; empty if there is none. */
  get loading() {
    return this.wanted === this.shown || this.#lost ? "" : this.wanted;
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
    if (this.#scheduled || this.#presents) return;
    this.#scheduled = true;
    requestAnimationFrame((now) => this.#turn(now));
  }

  /**
   * Show the still panorama.
   *
   * @param {ImageBitmap} still
   */
  showStill(still) {
    this.#still = still;
    if (!this.#lost) this.warp.showStill(still);
    this.#drawn = "";
    this.wake();
  }

  /** Stop drawing, because the graphics context is lost with everything in it. */
  lose() {
    this.#lost = true;
    this.#compiling = this.#opened = this.#retired = null;
    this.decoding.close();
    this.#synchronise();
  }

  /**
   * Start again with a restored graphics context.
   *
   * @throws {GraphicsError} the driver refuses a shader.
   */
  restore() {
    this.#lost = false;
    this.warp = new Warp(this.gl, this.description.shaders);
    this.decoding = new Decoding(this.gl);
    this.decodes = drawsHalfFloats(this.gl);
    if (this.#still) this.warp.showStill(this.#still);
    this.#drawn = "";
    const name = this.wanted;
    this.wanted = "";
    if (name) void this.open(name);
    this.wake();
  }

  /**
   * Decode elsewhere as soon as that is ready; the current picture stays until then.
   *
   * @param {Link | null} remote - the server; null for this browser.
   */
  decodeBy(remote) {
    if (remote === this.remote) return;
    this.remote = remote;
    const name = this.wanted || this.asked;
    this.wanted = "";
    if (name) void this.open(name);
  }

  /**
   * Decode by this decoder as soon as it is ready; the current picture stays until then.
   *
   * @param {string} name
   */
  async open(name) {
    this.asked = name;
    if (name === this.wanted) return;
    this.wanted = name;
    this.onDecoder();
    this.#compiling?.decoder.close();
    this.#compiling = null;
    const there = this.#opened?.decoder instanceof RemoteDecoder;
    if (name === this.#opened?.name && there === (this.remote !== null)) return this.wake();
    try {
      const decoder = await this.#prepare(name);
      if (decoder) this.#compiling = decoder;
    } catch (error) {
      if (name === this.wanted) this.#refuse(error);
    }
    this.wake();
  }

  /**
   * Load a decoder and start compiling it; null if it is not wanted any more.
   *
   * @param {string} name
   * @returns {Promise<Opened | null>}
   */
  async #prepare(name) {
    const { gl, description, remote } = this;
    const entry = description.decoders.find((each) => each.name === name);
    if (!entry) throw new GraphicsError(`There is no decoder ${name}.`);
    const vertex = description.shaders["whole.vert"];
    const shape = description.live?.decoders[name];
    if (remote && shape) {
      const decoder = new RemoteDecoder(gl, remote, name, shape.aspect, vertex);
      return { decoder, name, hfov: shape.hfov };
    }
    if (!entry.file) throw new GraphicsError(`Only the server decodes ${name}.`);
    if (!this.decodes)
      throw new GraphicsError(
        undecodable("The graphics here cannot draw into textures of half floats", description),
      );
    const { plan, embeddings, motion } = await this.#load(entry);
    if (name !== this.wanted || this.#compiling || this.#lost || this.remote) return null;
    const decoder = new Decoder(gl, plan, embeddings, motion, this.warp.still, vertex);
    return { decoder, name, hfov: entry.hfov };
  }

  /**
   * @param {DecoderEntry} entry
   * @returns {Promise<Unpacked>}
   */
  #load(entry) {
    const unpacked = this.#unpacked.get(entry.name) ?? loadDecoder(this.description, entry);
    this.#unpacked.set(entry.name, unpacked);
    unpacked.catch(() => this.#unpacked.delete(entry.name));
    return unpacked;
  }

  /**
   * Go on with the decoder in use, if there is one, because the wanted one cannot be used.
   *
   * @param {unknown} error
   */
  #refuse(error) {
    if (this.gl.isContextLost()) return;
    this.wanted = this.#opened?.name ?? "";
    if (!this.#opened) this.playback.playing = false;
    this.onDecoder();
    this.fail(error);
  }

  /**
   * Run the loop once.
   *
   * @param {number} now
   */
  #turn(now) {
    this.#scheduled = false;
    if (this.#lost || this.#presents) return;
    const { camera, playback } = this;
    this.#advance(now);
    const moves = camera.moving;
    this.#resize();
    this.#begin();
    this.#decode(now, moves);
    this.#draw(now);
    this.onTurn(now);
    this.onFrame(now);
    if (moves || playback.playing || this.recorder.on || this.decoding.busy || this.#compiling) this.wake();
    else this.#before = NaN;
  }

  /** @param {number} now */
  #advance(now) {
    const seconds = Math.min((now - this.#before) / 1000 || 0, LONGEST_STEP_S);
    this.#before = now;
    this.camera.advance(seconds);
    this.playback.advance(seconds);
    this.recorder.add(now, this.playback.frame, this.camera.look());
  }

  /**
   * Leave drawing to a headset.
   *
   * @param {number} sliceMs - most milliseconds for a slice of decoding.
   */
  present(sliceMs) {
    this.#presents = true;
    this.camera.letGoAll();
    this.decoding.pace.turningMs = sliceMs;
  }

  /** Draw on the page again. */
  presentOnPage() {
    this.#presents = false;
    this.#sight = null;
    this.decoding.pace.turningMs = TURNING_MS;
    this.#drawn = "";
    this.wake();
  }

  /**
   * Run the loop once for a headset: decode what all its eyes see, and draw it for each.
   *
   * @param {number} now
   * @param {Sight} sight
   * @param {{frustum: Frustum, target: Target}[]} eyes
   */
  turnInHeadset(now, sight, eyes) {
    if (this.#lost) return;
    const { camera } = this;
    this.#sight = sight;
    for (const angle of /** @type {const} */ (["yaw", "pitch", "roll"]))
      camera[angle].place(sight.look[angle]);
    this.#advance(now);
    this.#begin();
    this.#decode(now, true);
    for (const { frustum, target } of eyes) this.warp.draw(frustum, this.compositing, target);
    this.onTurn(now);
    if (now - this.#toldAt < HEADSET_TOLD_MS) return;
    this.#toldAt = now;
    this.onFrame(now);
  }

  /** Switch to the decoder that has been compiled, if any. */
  #begin() {
    const compiled = this.#compiling;
    if (!compiled) return;
    try {
      if (!compiled.decoder.ready()) return;
    } catch (error) {
      this.#compiling = null;
      compiled.decoder.close();
      return this.#refuse(error);
    }
    this.#compiling = null;
    if (this.#retired || !this.warp.picture) this.#opened?.decoder.close();
    else this.#retired = this.#opened;
    this.#opened = compiled;
    this.decoding.open(compiled.decoder);
  }

  /**
   * @param {number} now
   * @param {boolean} moves
   */
  #decode(now, moves) {
    if (!this.#opened) return;
    const first = !this.warp.picture;
    try {
      const frame = this.#frameOf(this.#opened);
      if (!this.decoding.step(now, frame, this.#wantedOf(this.#opened), moves)) {
        this.#synchronise();
        return;
      }
    } catch (error) {
      return this.#abandon(error);
    }
    if (first) performance.mark("decoded");
    this.#retired?.decoder.close();
    this.#retired = null;
    this.#synchronise();
    this.canvas.dataset.frame = String(this.warp.picture?.frame);
    this.canvas.dataset.decoder = this.shown;
  }

  /**
   * Return the frame to decode: the one that is due when the picture arrives.
   *
   * @param {Opened} opened
   * @returns {number}
   */
  #frameOf({ decoder }) {
    const { playback, camera, canvas } = this;
    if (!(decoder instanceof RemoteDecoder)) return playback.frame;
    decoder.columns = canvas.width / (2 * Math.tan(camera.look().hfov / 2));
    return decoder.frameAhead(playback, this.decoding.latency / 1000);
  }

  /**
   * Return what to decode for the view.
   *
   * @param {Opened} opened
   * @returns {Wanted}
   */
  #wantedOf({ decoder, hfov }) {
    const overscan = (this.camera.speed * this.decoding.latency) / 1000;
    const now = this.#sight ?? { look: this.camera.look(), aspect: this.aspect, frusta: null };
    const look = predictedLook(now.look, now.aspect, overscan, { aspect: decoder.aspect, hfov });
    if (decoder.plan.full_frame || look.hfov < hfov[1]) return { look, points: [], hfov };
    const points = (now.frusta ?? [frustumOf(now.look, now.aspect)]).flatMap(pointsOf);
    return { look, points: beyond(points, look, decoder.aspect), hfov };
  }

  /** Show what is decoded. */
  #synchronise() {
    this.warp.picture = this.decoding.picture;
    this.warp.others = this.decoding.others;
    this.canvas.dataset.whole = String(this.decoding.whole);
  }

  /**
   * Close the decoder in use, because it cannot decode, and go back to the one before.
   *
   * @param {unknown} error
   */
  #abandon(error) {
    if (this.gl.isContextLost()) return;
    this.#opened?.decoder.close();
    this.#opened = this.#retired;
    this.#retired = null;
    if (this.#opened) this.decoding.open(this.#opened.decoder);
    else this.decoding.close();
    this.#synchronise();
    this.#refuse(error);
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
    const { count, others } = this.decoding;
    const state = `${yaw} ${pitch} ${roll} ${hfov} ${this.compositing} ${count} ${others.length}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    this.warp.draw(frustumOf(look, this.canvas.width / this.canvas.height), this.compositing);
    this.#drawings = [...this.#drawings.filter((time) => now - time < DISPLAY_MS), now];
    if (!this.canvas.dataset.shown && this.warp.stillWidth) performance.mark("still");
    if (picture || this.warp.stillWidth) this.canvas.dataset.shown = picture ? "decoded" : "still";
  }
}
