/** Schedules the slices of a picture's decoding, so that the display stays smooth. */

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("./decoder.js").Decoder} Decoder */
/** @typedef {import("./warp.js").Picture} Picture */

/** Most milliseconds for a slice while the view turns, and at rest. */
const TURNING_MS = 20;
const RESTING_MS = 100;
/** Most slices of a picture: handing over more would take longer than drawing them. */
const MOST_TURNING = 24;
const MOST_RESTING = 6;
const FIRST_SLICES = 6;
const FEWER = 0.6;
const MORE = 3;
const TIMES = 30;

/** Number of slices per picture, adapted to the time that slices take. No DOM. */
export class Pace {
  constructor() {
    this.slices = FIRST_SLICES;
  }

  /**
   * Adapt to a slice that took `ms`.
   *
   * @param {number} ms
   * @param {boolean} turns - whether the view turns.
   */
  took(ms, turns) {
    const share = ms / (turns ? TURNING_MS : RESTING_MS);
    const factor = share <= 1 ? FEWER : Math.min(share, MORE);
    this.slices = Math.min(Math.max(this.slices * factor, 1), turns ? MOST_TURNING : MOST_RESTING);
  }
}

/** Decodes the newest request slice by slice, and returns finished pictures. */
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
     * Times in milliseconds when the last pictures were finished.
     *
     * @type {number[]}
     */
    this.times = [];
    /** Milliseconds from the request to the end of the last picture. */
    this.latency = 0;
  }

  /** Whether a picture is being decoded. */
  get busy() {
    return this.#slices !== null || this.#fence !== null;
  }

  /** Return recent pictures per second; 0 at rest. */
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
   * Draw the next slice if the last one is finished.
   *
   * @param {number} now - milliseconds.
   * @param {number} frame
   * @param {Look} look - to decode.
   * @param {boolean} turns - whether the view turns.
   * @returns {Picture | null} a finished picture, if any.
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
