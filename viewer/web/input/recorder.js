/** Records a gaze path as the window does: the same file, saved by the browser. No DOM. */

import { degrees } from "../look.js";

/** @typedef {import("../look.js").Look} Look */

const MOST_ROWS = 400_000;
const DIGITS = 1e6;

/** Recorder of one gaze path at a time. */
export class Recorder {
  /** @type {string[] | null} */
  #rows = null;
  #begun = 0;
  #yaw = 0;
  /** Seconds recorded so far. */
  elapsed = 0;

  /** @param {string} head - the file's lines before the first row. */
  constructor(head) {
    this.head = head;
  }

  get on() {
    return this.#rows !== null;
  }

  /** Whether no more rows are held. */
  get full() {
    return this.#rows !== null && this.#rows.length >= MOST_ROWS;
  }

  start() {
    this.#rows = [];
    this.elapsed = 0;
  }

  /**
   * Record where the view looks, if a recording runs.
   *
   * @param {number} now - milliseconds.
   * @param {number} frame
   * @param {Look} look
   */
  add(now, frame, { yaw, pitch, roll, hfov }) {
    if (!this.#rows || this.full) return;
    if (this.#rows.length === 0) this.#begun = now;
    let turned = degrees(yaw);
    // Yaw goes on beyond 180°, so that readers need not guess the way.
    if (this.#rows.length > 0) turned += 360 * Math.round((this.#yaw - turned) / 360);
    this.#yaw = turned;
    this.elapsed = Math.max((now - this.#begun) / 1000, this.elapsed);
    const angles = [turned, ...[pitch, roll, hfov].map(degrees)];
    const values = [this.elapsed, frame, ...angles].map((value) => Math.round(value * DIGITS) / DIGITS);
    this.#rows.push(values.join(","));
  }

  /**
   * End the recording.
   *
   * @returns {string} the file.
   */
  stop() {
    const text = [this.head.trimEnd(), ...(this.#rows ?? []), ""].join("\n");
    this.#rows = null;
    return text;
  }
}
