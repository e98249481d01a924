/** The view on the page: camera, decoding and drawing. */

import { Camera } from "./input/camera.js";
import { Playback } from "./input/playback.js";
import { Recorder } from "./input/recorder.js";
import { clamp, frustumOf } from "./look.js";
import { LATE_MS, PLAYED_LATE_MS, Pane } from "./pane.js";
import { TURNING_MS } from "./picture/decoding.js";
import { drawsHalfFloats } from "./picture/gl.js";
import { COMPOSITING, Warp, newStill } from "./picture/warp.js";
import { Chapters } from "./scene/chapters.js";
import { DataError } from "./scene/errors.js";

/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./scene/description.js").Description} Description */
/** @typedef {import("./picture/warp.js").Still} Still */
/** @typedef {import("./remote/link.js").Link} Link */
/** @typedef {import("./look.js").Frustum} Frustum */
/** @typedef {import("./picture/warp.js").Target} Target */
/**
 * Everything that is seen: a look and its aspect that enclose all pyramids, and these.
 *
 * @typedef {{look: Look, aspect: number, frusta: Frustum[]}} Sight
 */

const MAX_PIXEL_RATIO = 2;
const LONGEST_STEP_S = 0.25;
const DISPLAY_MS = 1000;
const HEADSET_TOLD_MS = 250;
const LEAST_SHARE = 0.05;

/** One scene on a canvas. */
export class View {
  #scheduled = false;
  #before = NaN;
  #drawn = "";
  /** @type {number[]} */
  #drawings = [];
  /** When the chapter that is played was entered, and after which time others are late there. */
  #entered = 0;
  #lateMs = 0;
  /** @type {Error | null} */
  #trouble = null;
  /** Whether a headset shows the view, and calls for each picture. */
  #presents = false;
  #toldAt = 0;
  /** Number of pictures that panes have had in turn. */
  #served = 0;

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
    this.wake = this.wake.bind(this);
    const stills = {
      show: (/** @type {ImageBitmap} */ bitmap) => newStill(gl, bitmap),
      drop: (/** @type {Still} */ still) => gl.deleteTexture(still.texture),
      largest: gl.getParameter(gl.MAX_TEXTURE_SIZE),
    };
    this.chapters = new Chapters(description, stills, this.wake);
    /** Number of the chapter that is played. */
    this.chapter = 0;
    /** Whether the graphics context is lost. */
    this.lost = false;
    /**
     * Sight of the headset; null on the page.
     *
     * @type {Sight | null}
     */
    this.sight = null;
    this.left = new Pane(this, fail);
    /**
     * The right side of a comparison.
     *
     * @type {Pane | null}
     */
    this.right = null;
    /** Place of the divider, as a share of the width. */
    this.divider = 0.5;
    this.compositing = COMPOSITING.whole;
    /** Whether it can decode; otherwise it shows only the still panorama. */
    this.decodes = drawsHalfFloats(gl);
    /**
     * Connection to the server that decodes; null if this browser does.
     *
     * @type {Link | null}
     */
    this.remote = null;
    /** @type {(now: number) => void} */
    this.onFrame = () => {};
    /** @type {(now: number) => void} - called after each turn, also in a headset. */
    this.onTurn = () => {};
    /** Called after another decoder is wanted. */
    this.onDecoder = () => {};
    /** @type {(error: Error | null) => void} - called with what the chapter lacks, and null later. */
    this.onTrouble = () => {};
    new ResizeObserver(this.wake).observe(canvas);
  }

  /**
   * The still panorama of the chapter that is played.
   *
   * @type {Still | null}
   */
  get still() {
    return this.chapters.still(this.chapter);
  }

  /** All panes, from left to right. */
  get panes() {
    return this.right ? [this.left, this.right] : [this.left];
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

  /** Stop drawing, because the graphics context is lost with everything in it. */
  lose() {
    this.lost = true;
    this.chapters.lose();
    for (const pane of this.panes) pane.lose();
  }

  /**
   * Start again with a restored graphics context.
   *
   * @throws {GraphicsError} the driver refuses a shader.
   */
  restore() {
    this.lost = false;
    this.warp = new Warp(this.gl, this.description.shaders);
    this.decodes = drawsHalfFloats(this.gl);
    this.#drawn = "";
    for (const pane of this.panes) pane.restore();
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
    for (const pane of this.panes) pane.reopen();
  }

  /**
   * Show another decoder on the right, or none.
   *
   * @param {string} name - empty for none.
   */
  compare(name) {
    this.right?.close();
    this.right = null;
    this.divider = 0.5;
    this.#drawn = "";
    this.canvas.dataset.right = "";
    if (name) {
      this.right = new Pane(this, (error) => {
        if (!this.right?.wanted) this.compare("");
        this.fail(error);
      });
      this.right.open(name);
    }
    this.onDecoder();
    this.wake();
  }

  /** Part of the width of each pane, from begin to end. */
  get parts() {
    return this.right ? [[0, this.divider], [this.divider, 1]] : [[0, 1]]; // prettier-ignore
  }

  /**
   * Move the divider.
   *
   * @param {number} share - of the width.
   */
  divide(share) {
    this.divider = clamp(share, LEAST_SHARE, 1 - LEAST_SHARE);
    this.wake();
  }

  /**
   * Run the loop once.
   *
   * @param {number} now
   */
  #turn(now) {
    this.#scheduled = false;
    if (this.lost || this.#presents) return;
    const { camera, playback } = this;
    this.#advance(now);
    const moves = camera.moving;
    this.#resize();
    this.#visit(now);
    this.#decode(now, moves);
    this.#draw(now);
    this.onTurn(now);
    this.onFrame(now);
    const works = this.panes.some(({ decoding, compiling }) => decoding.busy || compiling);
    if (moves || playback.playing || this.recorder.on || works) this.wake();
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
   * Enter the chapter of the frame that is played, and fetch what it and the next one need. The clip
   * waits as long as a decoder in use is fetched, but goes on without it if it cannot be.
   *
   * @param {number} now
   */
  #visit(now) {
    const { playback, chapters, panes } = this;
    const number = chapters.at(playback.frame);
    if (number !== this.chapter) {
      this.#lateMs = number === (this.chapter + 1) % chapters.count ? PLAYED_LATE_MS : LATE_MS;
      this.#entered = now;
      this.chapter = number;
      setTimeout(this.wake, this.#lateMs + LATE_MS);
    }
    if (now - this.#entered >= this.#lateMs) for (const pane of panes) pane.giveWay(this.#entered);
    const needed = [...new Set(panes.flatMap((pane) => pane.needed))];
    const used = panes.flatMap((pane) => pane.used);
    chapters.visit(number, needed, playback.playing, panes.flatMap(({ drawn }) => drawn));
    if (chapters.count > 1) playback.held = chapters.awaited(number, used);
    this.#tell(this.#lacking(number, needed));
  }

  /**
   * Return why a chapter is not shown whole; null if it is, or may be.
   *
   * @param {number} number
   * @param {string[]} decoders
   * @returns {Error | null}
   */
  #lacking(number, decoders) {
    const { chapters } = this;
    const still = chapters.stillError(number);
    if (still) return new DataError(`${still.message} What stands still in it is dark.`);
    if (chapters.count === 1) return null;
    return decoders.map((name) => chapters.error(number, name)).find(Boolean) ?? null;
  }

  /** @param {Error | null} trouble */
  #tell(trouble) {
    if (trouble?.message === this.#trouble?.message) return;
    this.#trouble = trouble;
    this.onTrouble(trouble);
  }

  /**
   * Leave drawing to a headset.
   *
   * @param {number} sliceMs - most milliseconds for a slice of decoding.
   */
  present(sliceMs) {
    this.#presents = true;
    this.camera.letGoAll();
    this.compare("");
    this.left.decoding.pace.turningMs = sliceMs;
  }

  /** Draw on the page again. */
  presentOnPage() {
    this.#presents = false;
    this.sight = null;
    this.left.decoding.pace.turningMs = TURNING_MS;
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
    if (this.lost) return;
    const { camera } = this;
    this.sight = sight;
    for (const angle of /** @type {const} */ (["yaw", "pitch", "roll"]))
      camera[angle].place(sight.look[angle]);
    this.#advance(now);
    this.#visit(now);
    this.#decode(now, true);
    for (const { frustum, target } of eyes)
      this.warp.draw(frustum, this.compositing, this.left.decoding, this.left.still, target);
    this.onTurn(now);
    if (now - this.#toldAt < HEADSET_TOLD_MS) return;
    this.#toldAt = now;
    this.onFrame(now);
  }

  /**
   * Decode for each pane; in the browser for one after the other, a picture each.
   *
   * @param {number} now
   * @param {boolean} moves
   */
  #decode(now, moves) {
    for (const pane of this.panes) pane.begin();
    // An error may have closed the right one.
    const { panes, canvas } = this;
    for (const pane of panes) if (pane.there) pane.decode(now, moves, true);
    const turns = panes.filter(({ there }) => !there);
    if (turns.length) {
      const next = () => turns[this.#served % turns.length];
      next().decode(now, moves, turns.length === 1);
      for (let k = 1; turns.length > 1 && k <= turns.length && !next().decoding.busy; k++) {
        this.#served += 1;
        next().decode(now, moves, true);
      }
    }
    const [{ shown, decoding }, right] = this.panes;
    const told = (/** @type {string} */ name, /** @type {string | undefined} */ value) => {
      if (value && canvas.dataset[name] !== value) canvas.dataset[name] = value;
    };
    told("whole", String(this.panes.every(({ whole }) => whole)));
    told("chapter", String(this.left.chapter));
    told("held", this.chapters.held.join(" "));
    told("frame", decoding.picture?.frame.toString());
    told("decoder", shown);
    told("right", right?.shown);
    told("rightFrame", right?.decoding.picture?.frame.toString());
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
    const { picture } = this.left.decoding;
    const { yaw, pitch, roll, hfov } = look;
    const { width, height } = this.canvas;
    const stills = this.panes.map(({ still }) => still);
    const held = this.panes.map(
      ({ chapter, decoding: { count, others } }, k) => `${count} ${others.length} ${chapter} ${stills[k]?.width}`,
    );
    const state = `${yaw} ${pitch} ${roll} ${hfov} ${this.compositing} ${held} ${this.parts}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    const frustum = frustumOf(look, width / height);
    for (const [index, { decoding }] of this.panes.entries())
      this.warp.draw(frustum, this.compositing, decoding, stills[index], {
        framebuffer: null,
        viewport: [0, 0, width, height],
        part: this.parts[index],
      });
    this.#drawings = [...this.#drawings.filter((time) => now - time < DISPLAY_MS), now];
    if (!this.canvas.dataset.shown && stills[0]) performance.mark("still");
    if (picture || stills[0]) this.canvas.dataset.shown = picture ? "decoded" : "still";
  }
}
