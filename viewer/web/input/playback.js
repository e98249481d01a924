/**
 * A clock that can be paused, sought, scaled and stepped, as `viewer/input/playback.py` has it.
 * Pure.
 */

import { clamp, modulo } from "../look.js";

export const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4];

/** Place in a clip: the frame that is due. */
export class Playback {
  #position = 0;

  /**
   * @param {number} frames
   * @param {number} fps
   */
  constructor(frames, fps) {
    this.frames = frames;
    this.fps = fps;
    this.speed = 1;
    this.loop = true;
    this.playing = true;
  }

  /** Index of the frame that is due. */
  get frame() {
    return Math.min(Math.floor(this.#position), this.frames - 1);
  }

  /** Time in the clip, at speed 1, in seconds. */
  get seconds() {
    return this.#position / this.fps;
  }

  /** Seconds of the whole clip at speed 1. */
  get duration() {
    return this.frames / this.fps;
  }

  /**
   * Let time pass; without loop it pauses on the last frame.
   *
   * @param {number} seconds
   */
  advance(seconds) {
    if (!this.playing) return;
    this.#position += seconds * this.fps * this.speed;
    if (this.#position < this.frames) return;
    if (this.loop) {
      this.#position %= this.frames;
    } else {
      this.playing = false;
      this.#position = this.frames - 1;
    }
  }

  /** Play or pause; at the end of a clip that does not loop, play from the beginning. */
  toggle() {
    if (!this.playing && !this.loop && this.frame === this.frames - 1) this.#position = 0;
    this.playing = !this.playing;
  }

  /**
   * Go to a frame, moved into the clip; playing or not stays as it is.
   *
   * @param {number} frame
   */
  seek(frame) {
    this.#position = clamp(frame, 0, this.frames - 1);
  }

  /**
   * Pause, and go so many frames on or back.
   *
   * @param {number} frames
   */
  step(frames) {
    this.playing = false;
    const frame = this.frame + frames;
    this.seek(this.loop ? modulo(frame, this.frames) : frame);
  }

  /**
   * The next faster or slower of `SPEEDS`.
   *
   * @param {number} steps
   */
  changeSpeed(steps) {
    const apart = SPEEDS.map((speed) => Math.abs(speed - this.speed));
    const nearest = apart.indexOf(Math.min(...apart));
    this.speed = SPEEDS[clamp(nearest + steps, 0, SPEEDS.length - 1)];
  }
}
