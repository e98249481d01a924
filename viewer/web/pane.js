/** One side of the view: a decoder, and its newest pictures. */

import { frustumOf, predictedLook } from "./look.js";
import { beyond, pointsOf } from "./picture/covering.js";
import { Decoder } from "./picture/decoder.js";
import { Decoding } from "./picture/decoding.js";
import { GraphicsError } from "./picture/gl.js";
import { RemoteDecoder } from "./remote/decoder.js";

/** @typedef {import("./picture/decoding.js").Wanted} Wanted */
/** @typedef {import("./scene/description.js").Description} Description */
/** @typedef {import("./view.js").View} View */
/** @typedef {import("./picture/warp.js").Still} Still */
/** @typedef {{decoder: Decoder | RemoteDecoder, name: string, hfov: number[]}} Opened */

/**
 * Return the message of a page that cannot decode here.
 *
 * @param {string} reason - why, the beginning of a sentence.
 * @param {Description} description
 * @returns {string}
 */
export function undecodable(reason, { chapters }) {
  const shown = chapters[0].still ? " What stands still in it is shown." : "";
  return `${reason}, with which this page decodes its video.${shown}`;
}

/** Milliseconds after a jump until a chapter's still panorama replaces pictures of another one. */
export const LATE_MS = 100;
/** The same when the next chapter begins: its pictures come soon, and are better. */
export const PLAYED_LATE_MS = 1000;

/** Opens decoders one after the other; the picture of the one before stays until the next has one. */
export class Pane {
  /** @type {Opened | null} */
  #compiling = null;
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
   * @param {View} view
   * @param {(error: unknown) => void} fail - called with the reason if it cannot decode.
   */
  constructor(view, fail) {
    this.view = view;
    this.fail = fail;
    this.decoding = this.#newDecoding();
    /** Whether the wanted decoder is made as soon as its files are there. */
    this.waits = false;
    /** Name of the wanted decoder; empty if there is none that works. */
    this.wanted = "";
    /** Name of the decoder that was last asked for, whether or not it works. */
    this.asked = "";
  }

  /** Names of the decoders that this browser decodes by, or will at first. */
  get used() {
    if (!this.#opened) return this.#awaited;
    return this.there ? [] : [this.#opened.name];
  }

  /** Names of the decoders that this browser needs: those in use, and the one that is wanted. */
  get needed() {
    return [...this.used, ...this.#awaited];
  }

  get #awaited() {
    const { remote, description, decodes } = this.view;
    const there = remote && description.live?.decoders[this.wanted];
    return this.wanted && decodes && !there ? [this.wanted] : [];
  }

  /** Number of the chapter that the pane shows. */
  get chapter() {
    const { view } = this;
    const { picture } = this.decoding;
    return picture ? view.chapters.at(picture.frame) : view.chapter;
  }

  /** Numbers of the chapters whose still panoramas it draws. */
  get drawn() {
    const decoder = this.#opened?.decoder;
    const { chapters } = this.view;
    const decoded = decoder instanceof Decoder && decoder.chapter ? [chapters.at(decoder.chapter.first)] : [];
    return [this.chapter, ...decoded];
  }

  /**
   * The still panorama behind its pictures.
   *
   * @type {Still | null}
   */
  get still() {
    return this.view.chapters.still(this.chapter);
  }

  /** Whether pictures of one frame show the whole view. */
  get whole() {
    return this.decoding.whole && (this.there || this.#current);
  }

  /** Whether the decoder in use has the chapter that is played. */
  get #current() {
    const { chapter, chapters } = this.view;
    const first = this.view.description.chapters[chapter].first;
    const decoder = this.#opened?.decoder;
    if (!(decoder instanceof Decoder)) return false;
    const still = chapters.still(chapter)?.texture ?? this.view.warp.nothing;
    return decoder.chapter?.first === first && decoder.still === still;
  }

  /** Whether the decoder in use is the server's. */
  get there() {
    return this.#opened?.decoder instanceof RemoteDecoder;
  }

  /** Whether a decoder is being compiled. */
  get compiling() {
    return this.#compiling !== null;
  }

  /** Name of the decoder of the picture on screen; empty before the first picture. */
  get shown() {
    if (!this.decoding.picture) return "";
    return (this.#retired ?? this.#opened)?.name ?? "";
  }

  /** Whether the picture on screen comes from the server. */
  get shownThere() {
    return (this.#retired ?? this.#opened)?.decoder instanceof RemoteDecoder;
  }

  /** Name of the decoder whose first picture is awaited; empty if there is none. */
  get loading() {
    return this.wanted === this.shown || this.view.lost ? "" : this.wanted;
  }

  /** Open the wanted decoder anew, wherever the view decodes now. */
  reopen() {
    const name = this.wanted || this.asked;
    this.wanted = "";
    if (name) void this.open(name);
  }

  /** Forget everything, because the graphics context is lost. */
  lose() {
    this.#compiling = this.#opened = this.#retired = null;
    this.waits = false;
    this.decoding.close();
  }

  /** Start again with a restored graphics context. */
  restore() {
    this.decoding = this.#newDecoding();
    const name = this.wanted;
    this.wanted = "";
    if (name) void this.open(name);
  }

  /** Free the graphics memory of its decoders. */
  close() {
    this.wanted = "";
    for (const each of [this.#compiling, this.#opened, this.#retired]) each?.decoder.close();
    this.lose();
  }

  /**
   * Decode by this decoder as soon as it is ready; the current picture stays until then.
   *
   * @param {string} name
   */
  open(name) {
    this.asked = name;
    if (name === this.wanted) return;
    this.wanted = name;
    this.view.onDecoder();
    this.#compiling?.decoder.close();
    this.#compiling = null;
    this.waits = name !== this.#opened?.name || this.there !== (this.view.remote !== null);
    this.view.wake();
  }

  #newDecoding() {
    return new Decoding(this.view.gl, (frame) => this.view.chapters.at(frame));
  }

  /**
   * Start compiling the wanted decoder; null if its files are not there yet.
   *
   * @returns {Opened | null}
   * @throws {Error} it cannot be used.
   */
  #made() {
    const { gl, description, remote, chapter, chapters } = this.view;
    const name = this.wanted;
    const entry = description.decoders.find((each) => each.name === name);
    if (!entry) throw new GraphicsError(`There is no decoder ${name}.`);
    const vertex = description.shaders["whole.vert"];
    const shape = description.live?.decoders[name];
    if (remote && shape) {
      const side = Number(this !== this.view.left);
      const decoder = new RemoteDecoder(gl, remote, name, shape.aspect, vertex, side);
      return { decoder, name, hfov: shape.hfov };
    }
    if (!description.chapters[0].decoders[name]) throw new GraphicsError(`Only the server decodes ${name}.`);
    if (!this.view.decodes)
      throw new GraphicsError(
        undecodable("The graphics here cannot draw into textures of half floats", description),
      );
    const error = chapters.error(chapter, name);
    if (error && chapters.count === 1) {
      chapters.forget(chapter, name);
      throw error;
    }
    const unpacked = chapters.unpacked(chapter, name);
    if (!unpacked) return null;
    const decoder = new Decoder(gl, unpacked.plan, vertex);
    decoder.use(unpacked, chapters.still(chapter)?.texture ?? this.view.warp.nothing);
    return { decoder, name, hfov: entry.hfov };
  }

  /**
   * Go on with the decoder in use, if there is one, because the wanted one cannot be used.
   *
   * @param {unknown} error
   */
  #refuse(error) {
    if (this.view.gl.isContextLost()) return;
    this.wanted = this.#opened?.name ?? "";
    if (!this.#opened && this === this.view.left) this.view.playback.playing = false;
    this.view.onDecoder();
    this.fail(error);
  }

  /** Make the wanted decoder as soon as it can be, and take the one in use to the chapter played. */
  begin() {
    try {
      if (this.waits) this.#compiling = this.#made();
      if (this.#compiling) this.waits = false;
    } catch (error) {
      this.waits = false;
      this.#refuse(error);
    }
    this.#switch();
    this.#follow();
  }

  /** Take the decoder in use to the chapter that is played, once it is there. */
  #follow() {
    const { chapter, chapters, warp } = this.view;
    const { decoding } = this;
    const opened = this.#opened;
    if (!opened || !(opened.decoder instanceof Decoder) || this.#current || decoding.busy) return;
    const unpacked = chapters.unpacked(chapter, opened.name);
    if (!unpacked) return;
    try {
      opened.decoder.use(unpacked, chapters.still(chapter)?.texture ?? warp.nothing);
    } catch (error) {
      return this.#abandon(error);
    }
    decoding.renew();
  }

  /**
   * Show only the still panorama of the chapter that is played if its pictures are late.
   *
   * @param {number} entered - when the chapter was entered.
   */
  giveWay(entered) {
    const { decoding, view } = this;
    if (this.chapter === view.chapter || !view.chapters.still(view.chapter)) return;
    // The server's may be of the next chapter; the last picture of the chapter before is finished first.
    const waits = this.there ? decoding.finished > entered : decoding.busy && !this.#current;
    if (!waits) decoding.clear();
  }

  /** Switch to the decoder that has been compiled, if any. */
  #switch() {
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
    if (this.#retired || !this.decoding.picture) this.#opened?.decoder.close();
    else this.#retired = this.#opened;
    this.#opened = compiled;
    this.decoding.open(compiled.decoder);
  }

  /**
   * Decode the next slice of what the view shows.
   *
   * @param {number} now
   * @param {boolean} moves
   * @param {boolean} begins - whether another picture may be begun here.
   */
  decode(now, moves, begins) {
    if (!this.#opened) return;
    const first = !this.decoding.picture;
    try {
      const frame = this.#frameOf(this.#opened);
      const wanted = this.#wantedOf(this.#opened);
      if (!this.decoding.step(now, frame, wanted, moves, begins && this.#current)) return;
    } catch (error) {
      return this.#abandon(error);
    }
    if (first) performance.mark("decoded");
    this.#retired?.decoder.close();
    this.#retired = null;
  }

  /**
   * Return the frame to decode: the one that is due when the picture arrives.
   *
   * @param {Opened} opened
   * @returns {number}
   */
  #frameOf({ decoder }) {
    const { playback, camera, canvas } = this.view;
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
    const { camera, aspect, sight } = this.view;
    const overscan = (camera.speed * this.decoding.latency) / 1000;
    const now = sight ?? { look: camera.look(), aspect, frusta: null };
    const look = predictedLook(now.look, now.aspect, overscan, { aspect: decoder.aspect, hfov });
    if (decoder.plan.full_frame || look.hfov < hfov[1]) return { look, points: [], hfov };
    const points = (now.frusta ?? [frustumOf(now.look, now.aspect)]).flatMap(pointsOf);
    return { look, points: beyond(points, look, decoder.aspect), hfov };
  }

  /**
   * Close the decoder in use, because it cannot decode, and go back to the one before.
   *
   * @param {unknown} error
   */
  #abandon(error) {
    if (this.view.gl.isContextLost()) return;
    this.#opened?.decoder.close();
    this.#opened = this.#retired;
    this.#retired = null;
    if (this.#opened) this.decoding.open(this.#opened.decoder);
    else this.decoding.close();
    this.#refuse(error);
  }
}
