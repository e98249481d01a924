/** Schedules the slices of a picture's decoding, so that the display stays smooth. */

import { RemoteDecoder } from "../remote/decoder.js";
import { nextLook, showsAny } from "./covering.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("./covering.js").Held} Held */
/** @typedef {import("./decoder.js").Decoder} Decoder */
/** @typedef {import("./warp.js").Picture} Picture */

/** Most milliseconds for a slice while the view turns, and at rest. */
export const TURNING_MS = 20;
const RESTING_MS = 100;
/** Most slices of a picture: handing over more would take longer than drawing them. */
const MOST_TURNING = 24;
const MOST_RESTING = 6;
const FIRST_SLICES = 6;
const FEWER = 0.6;
const MORE = 3;
const TIMES = 30;
/** Most pictures held besides the newest one. */
const MOST_OTHERS = 16;

/** Number of slices per picture, adapted to the time that slices take. No DOM. */
export class Pace {
  constructor() {
    this.slices = FIRST_SLICES;
    this.turningMs = TURNING_MS;
  }

  /**
   * Adapt to a slice that took `ms`.
   *
   * @param {number} ms
   * @param {boolean} turns - whether the view turns.
   */
  took(ms, turns) {
    const share = ms / (turns ? this.turningMs : RESTING_MS);
    const factor = share <= 1 ? FEWER : Math.min(share, MORE);
    this.slices = Math.min(Math.max(this.slices * factor, 1), turns ? MOST_TURNING : MOST_RESTING);
  }
}

/**
 * Request: the look of the view's own picture, the view's points that it cannot show, and
 * the decoder's range of fields of view.
 *
 * @typedef {{look: Look, points: number[][], hfov: number[]}} Wanted
 * @typedef {Held & {picture: Picture}} Other
 */

/** Decodes the newest request slice by slice, and holds the pictures that show the view. */
export class Decoding {
  /** @type {Generator<void, Picture, void> | null} */
  #slices = null;
  /** @type {Picture | null} */
  #finished = null;
  /** @type {WebGLSync | null} */
  #fence = null;
  #issued = 0;
  #begun = 0;
  #asked = "";
  /** Whether the picture in work, or the last one, is the view's own. */
  #own = false;
  pace = new Pace();
  /**
   * Owner of the pictures that are held.
   *
   * @type {Decoder | RemoteDecoder | null}
   */
  #owner = null;
  /** @type {Other[]} */
  #others = [];

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {(frame: number) => number} chapterAt - returns the number of a frame's chapter.
   */
  constructor(gl, chapterAt) {
    this.gl = gl;
    this.chapterAt = chapterAt;
    /** @type {Decoder | RemoteDecoder | null} */
    this.decoder = null;
    /**
     * The newest picture of the view.
     *
     * @type {Picture | null}
     */
    this.picture = null;
    /**
     * Times in milliseconds when the view's last pictures were finished.
     *
     * @type {number[]}
     */
    this.times = [];
    /** Number of pictures finished. */
    this.count = 0;
    /** When the view's newest picture was finished, in milliseconds. */
    this.finished = 0;
    /** Milliseconds from the request to the end of the last picture. */
    this.latency = 0;
    /** Whether pictures of one frame show the whole view. */
    this.whole = false;
  }

  /** Pictures of what the view's own cannot show, the newest last. */
  get others() {
    return this.#others.map(({ picture }) => picture);
  }

  /** Whether a picture is being decoded. */
  get busy() {
    const { decoder } = this;
    if (decoder instanceof RemoteDecoder) return decoder.outstanding > 0;
    return this.#slices !== null || this.#fence !== null;
  }

  /** Return recent pictures per second; 0 at rest. */
  rate(/** @type {number} */ now) {
    const late = this.times.filter((time) => now - time < 3000);
    if (late.length < 2 || now - late[late.length - 1] > 1500) return 0;
    return ((late.length - 1) * 1000) / (late[late.length - 1] - late[0]);
  }

  /**
   * Decode by another decoder from now on; the pictures held stay until its first one.
   *
   * @param {Decoder | RemoteDecoder} decoder
   */
  open(decoder) {
    this.decoder = decoder;
    this.#slices = this.#finished = null;
    this.renew();
    this.times = [];
  }

  /** Decode the view's own picture next, whatever was asked for before. */
  renew() {
    this.#asked = "";
    this.#own = this.whole = false;
  }

  /** Hold no picture, because they are of another chapter. */
  clear() {
    if (this.picture) this.#owner?.release(this.picture);
    this.picture = null;
    this.#keep(() => false);
    this.count += 1;
    if (!this.busy) this.renew();
  }

  /** Decode no more, and hold no picture; the decoder is closed by its owner. */
  close() {
    this.decoder = this.#owner = this.picture = this.#slices = this.#finished = null;
    this.#others = [];
    this.whole = false;
  }

  /**
   * Draw the next slice if the last one is finished.
   *
   * @param {number} now - milliseconds.
   * @param {number} frame
   * @param {Wanted} wanted
   * @param {boolean} turns - whether the view turns.
   * @param {boolean} begins - whether another picture may be begun in this browser.
   * @returns {boolean} whether a picture has been finished.
   */
  step(now, frame, wanted, turns, begins) {
    const { gl, decoder } = this;
    if (decoder instanceof RemoteDecoder) return this.#request(now, frame, wanted, decoder);
    if (this.#fence) {
      if (gl.getSyncParameter(this.#fence, gl.SYNC_STATUS) !== gl.SIGNALED) return false;
      gl.deleteSync(this.#fence);
      this.#fence = null;
      this.pace.took(now - this.#issued, turns);
    }
    const finished = this.#finished;
    this.#finished = null;
    if (finished && decoder) this.#hold(finished, decoder, now);
    if (!decoder) return false;
    if (!this.#slices) {
      if (!begins) return finished !== null;
      const look = this.#choose(frame, wanted, decoder);
      if (!look) return finished !== null;
      this.#begun = now;
      this.#slices = decoder.decode(frame, look, () => decoder.total / this.pace.slices);
    }
    const { done, value } = this.#slices.next();
    if (done) {
      this.#slices = null;
      this.#finished = value;
    }
    this.#issued = now;
    this.#fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    return finished !== null;
  }

  /**
   * Ask the server for the next picture, and take those that have arrived. A look that one picture
   * can show is asked for at once; of several, one at a time.
   *
   * @param {number} now
   * @param {number} frame
   * @param {Wanted} wanted
   * @param {RemoteDecoder} decoder
   * @returns {boolean} whether a picture has arrived.
   */
  #request(now, frame, wanted, decoder) {
    if (decoder.renewed()) {
      this.#asked = "";
      this.#own = false;
    }
    const finished = decoder.take();
    for (const { picture, own, begun } of finished) {
      this.#own = own;
      this.#begun = begun;
      this.#hold(picture, decoder, now);
    }
    const several = wanted.points.length > 0;
    if (decoder.link.open && !(several && decoder.outstanding)) {
      const look = this.#choose(frame, wanted, decoder);
      if (look) decoder.ask(frame, look, this.#own, now);
    }
    this.whole &&= decoder.outstanding === 0;
    return finished.length > 0;
  }

  /**
   * Return the look to decode next: the view's own, if it has changed, and in turns with it those
   * that the view needs besides; null if everything is decoded.
   *
   * @param {number} frame
   * @param {Wanted} wanted
   * @param {Decoder | RemoteDecoder} decoder
   * @returns {Look | null}
   */
  #choose(frame, { look, points, hfov }, decoder) {
    const { aspect } = decoder;
    const of = decoder.plan.full_frame ? "" : `${look.yaw} ${look.pitch} ${look.hfov}`;
    const asked = `${frame} ${of}`;
    const stale = asked !== this.#asked;
    // Old pictures are of use only where they can be seen.
    this.#keep((each) => each.frame === frame || showsAny(points, each.look, aspect));
    this.whole = false;
    if (this.#own || !stale) {
      const other = points.length ? nextLook(points, this.#others, frame, { aspect, hfov }) : null;
      if (other) {
        this.#own = false;
        return other;
      }
      this.whole = !stale;
    }
    if (!stale) return null;
    this.#asked = asked;
    this.#own = true;
    return look;
  }

  /**
   * Hold a finished picture in the place of those that it replaces.
   *
   * @param {Picture} picture
   * @param {Decoder | RemoteDecoder} decoder
   * @param {number} now
   */
  #hold(picture, decoder, now) {
    if (this.#owner !== decoder) {
      this.#owner = decoder;
      this.#others = [];
      this.picture = null;
    }
    this.count += 1;
    const chapter = this.chapterAt(picture.frame);
    this.#keep((each) => this.chapterAt(each.frame) === chapter);
    for (const each of this.#others) each.age += 1;
    if (this.#own) {
      if (this.picture) decoder.release(this.picture);
      this.picture = picture;
      this.finished = now;
      this.latency = now - this.#begun;
      this.times = [...this.times.slice(1 - TIMES), now];
      return;
    }
    const { look, frame } = picture;
    let room = MOST_OTHERS - 1;
    const same = (/** @type {Look} */ { yaw, pitch }) => yaw === look.yaw && pitch === look.pitch;
    this.#others.reverse();
    this.#keep((each) => !same(each.look) && room-- > 0);
    this.#others.reverse();
    this.#others.push({ picture, look, frame, age: 0 });
  }

  /**
   * Keep only those other pictures for which `keeps` is true.
   *
   * @param {(other: Other) => boolean} keeps
   */
  #keep(keeps) {
    const owner = this.#owner;
    this.#others = this.#others.filter((each) => {
      const kept = keeps(each);
      if (!kept) owner?.release(each.picture);
      return kept;
    });
  }
}
