/** Times at which parts of a clip are due, as in `viewer/sound/schedule.py` and `delay.py`. No DOM. */

import { modulo } from "../look.js";

const PICTURES = 15;
const LONGEST_S = 0.3;
const STEP_S = 0.02;

/** Clip seconds a second; other speeds are silent. */
export const [SLOWEST, FASTEST] = [0.5, 2];

/**
 * Course of the playback: `seconds` of the clip are due at `time`, in milliseconds.
 *
 * @typedef {{seconds: number, time: number, playing: boolean, speed: number, loop: boolean,
 *   duration: number}} Schedule
 */

/**
 * Return how far `seconds` is after `other`, the short way round in a loop.
 *
 * @param {Pick<Schedule, "loop" | "duration">} schedule
 * @param {number} seconds
 * @param {number} other
 * @returns {number}
 */
export function ahead({ loop, duration }, seconds, other) {
  const distance = seconds - other;
  return loop ? modulo(distance + duration / 2, duration) - duration / 2 : distance;
}

/**
 * @param {number[]} values - at least one.
 * @returns {number}
 */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1];
}

/** Time from when a frame is due until its picture is shown. It changes in steps. */
export class PictureDelay {
  /** @type {number[]} */
  #latest = [];
  seconds = 0;

  /**
   * Count a picture that is shown so late; after a jump it is no measure.
   *
   * @param {number} seconds - negative if it is early.
   */
  add(seconds) {
    if (Math.abs(seconds) > LONGEST_S) return;
    this.#latest = [...this.#latest.slice(1 - PICTURES), seconds];
    const usual = median(this.#latest);
    if (this.#latest.length === PICTURES && Math.abs(usual - this.seconds) > STEP_S)
      this.seconds = usual;
  }
}
