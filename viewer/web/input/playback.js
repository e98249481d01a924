/**
 * Clock of a clip that can be paused, sought, scaled and stepped, as `viewer/input/playback.py`. No
 * DOM.
 */

import { clamp, modulo } from "../look.js";

export const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4];

/** Position in a clip. */
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
    /** Whether it waits, because what is to be shown is not there yet. */
    this.held = false;
  }

  /** Index of the current frame. */
  get frame() {
    return Math.min(Math.floor(this.#position), this.frames - 1);
  }

  /** Position in the clip, in seconds at speed 1. */
  get seconds() {
    return this.#position / this.fps;
  }

  /** Length of the clip, in seconds at speed 1. */
  get duration() {
    return this.frames / this.fps;
  }

  /**
   * Advance by a time if playing; without loop, pause on the last frame.
   *
   * @param {number} seconds
   */
  advance(seconds) {
    if (!this.playing || this.held) return;
    this.#position += seconds * this.fps * this.speed;
    if (this.#position < this.frames) return;
    if (this.loop) {
      this.#position %= this.frames;
    } else {
      this.playing = false;
      this.#position = this.frames - 1;
    }
  }

  /** Play or pause; at the end of a clip without loop, play from the beginning. */
  toggle() {
    if (!this.playing && !this.loop && this.frame === this.frames - 1) this.#position = 0;
    this.playing = !this.playing;
  }

  /**
   * Go to a frame, clamped to the clip; playing or paused stays as it is.
   *
   * @param {number} frame
   */
  seek(frame) {
    this.#position = clamp(frame, 0, this.frames - 1);
  }

  /**
   * Pause and move by a number of frames, which may be negative.
   *
   * @param {number} frames
   */
  step(frames) {
    this.playing = false;
    const frame = this.frame + frames;
    this.seek(this.loop ? modulo(frame, this.frames) : frame);
  }

  /**
   * Change to a faster (positive) or slower one of `SPEEDS`.
   *
   * @param {number} steps
   */
  changeSpeed(steps) {
    const apart = SPEEDS.map((speed) => Math.abs(speed - this.speed));
    const nearest = apart.indexOf(Math.min(...apart));
    this.speed = SPEEDS[clamp(nearest + steps, 0, SPEEDS.length - 1)];
  }
}
