/** When which slice of a picture is decoded, so that what is shown stays smooth. */

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("./decoder.js").Decoder} Decoder */
/** @typedef {import("./warp.js").Picture} Picture */

/** Milliseconds that a slice may take while the view turns, and while it rests. */
const TURNING_MS = 20;
const RESTING_MS = 100;
/** Slices of a picture then: more of them would take longer to hand over than to draw. */
const MOST_TURNING = 24;
const MOST_RESTING = 6;
const FIRST_SLICES = 6;
const FEWER = 0.6;
const MORE = 3;
const TIMES = 30;

/** Number of slices that a picture is decoded in, from how long others took. Pure. */
export class Pace {
  constructor() {
    this.slices = FIRST_SLICES;
  }

  /**
   * A slice has taken `ms`.
   *
   * @param {number} ms
   * @param {boolean} turns - the view does.
   */
  took(ms, turns) {
    const share = ms / (turns ? TURNING_MS : RESTING_MS);
    const factor = share <= 1 ? FEWER : Math.min(share, MORE);
    this.slices = Math.min(Math.max(this.slices * factor, 1), turns ? MOST_TURNING : MOST_RESTING);
  }
}

/** Decodes the newest request, a slice at a time, and hands pictures over when they are finished. */
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
  #pace = new Pace();

  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.gl = gl;
    /** @type {Decoder | null} */
    this.decoder = null;
    /**
     * Times at which the last pictures were finished, in milliseconds.
     *
     * @type {number[]}
     */
    this.times = [];
    /** Milliseconds from asking for a picture to its end, of the last one. */
    this.latency = 0;
  }

  /** It has begun what is not finished. */
  get busy() {
    return this.#slices !== null || this.#fence !== null;
  }

  /** Pictures a second, of late; 0 at rest. */
  rate(/** @type {number} */ now) {
    const late = this.times.filter((time) => now - time < 3000);
    if (late.length < 2 || now - late[late.length - 1] > 1500) return 0;
    return ((late.length - 1) * 1000) / (late[late.length - 1] - late[0]);
  }

  /**
   * Decode by another decoder from now on.
   *
   * @param {Decoder} decoder
   */
  open(decoder) {
    this.decoder = decoder;
    this.#slices = this.#finished = null;
    this.#asked = "";
    this.times = [];
  }

  /**
   * Go on by a slice, where the last one is over.
   *
   * @param {number} now - milliseconds.
   * @param {number} frame
   * @param {Look} look - to be decoded.
   * @param {boolean} turns - the view does.
   * @returns {Picture | null} a picture that is finished.
   */
  step(now, frame, look, turns) {
    const { gl, decoder } = this;
    if (this.#fence) {
      if (gl.getSyncParameter(this.#fence, gl.SYNC_STATUS) !== gl.SIGNALED) return null;
      gl.deleteSync(this.#fence);
      this.#fence = null;
      this.#pace.took(now - this.#issued, turns);
    }
    const finished = this.#finished;
    this.#finished = null;
    if (finished) {
      this.latency = now - this.#begun;
      this.times = [...this.times.slice(1 - TIMES), now];
    }
    if (!decoder) return finished;
    if (!this.#slices) {
      const { yaw, pitch, hfov } = look;
      const asked = decoder.plan.full_frame ? `${frame}` : `${frame} ${yaw} ${pitch} ${hfov}`;
      if (asked === this.#asked) return finished;
      this.#asked = asked;
      this.#begun = now;
      this.#slices = decoder.decode(frame, look, () => decoder.total / this.#pace.slices);
    }
    const { done, value } = this.#slices.next();
    if (done) {
      this.#slices = null;
      this.#finished = value;
    }
    this.#issued = now;
    this.#fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    return finished;
  }
}
