/**
 * Camera: turns dragging, keys, wheel and pinch into a look, as `viewer/input/camera.py` does. No
 * DOM and no clock.
 *
 * Points are on the view plane; see `drag.js`.
 */

import { DEFAULT_HFOV, clamp, modulo, radians, rotationOf, wrapYaw } from "../look.js";
import { Grip } from "./drag.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("./drag.js").Point} Point */

export const MIN_HFOV = radians(30);
export const MAX_HFOV = radians(110);

const FRICTION = 5;
const TURN_PER_HFOV = 0.9;
const ROLL_SPEED = radians(60);
const ZOOM_STEP = 0.08;
const VELOCITY_MEMORY_S = 0.05;
const MAX_GLIDE = radians(720);
const REST = 1e-4;
const LONGEST_STEP_S = 0.1;

/** A value that moves with a velocity and friction. */
export class Dynamic {
  /**
   * @param {number} offset
   * @param {number} low
   * @param {number} high
   * @param {boolean} periodic - it wraps into [low, high) instead of stopping.
   */
  constructor(offset, low, high, periodic = false) {
    this.offset = offset;
    this.low = low;
    this.high = high;
    this.periodic = periodic;
    /** How fast velocity settles, 1/s; infinite means no inertia. */
    this.friction = Infinity;
    this.velocity = 0;
  }

  /**
   * Advance towards the velocity `drive`; exact for any step length.
   *
   * @param {number} seconds
   * @param {number} drive
   */
  advance(seconds, drive = 0) {
    let travel = drive * seconds;
    if (this.friction === Infinity) {
      this.velocity = drive;
    } else {
      const kept = Math.exp(-this.friction * seconds);
      const excess = this.velocity - drive;
      travel += (excess * (1 - kept)) / this.friction;
      this.velocity = drive + excess * kept;
    }
    if (drive === 0 && Math.abs(this.velocity) < REST) this.velocity = 0;
    this.moveTo(this.offset + travel);
  }

  /**
   * Move further: at once, or gliding if there is inertia.
   *
   * @param {number} distance
   */
  nudge(distance) {
    if (this.friction === Infinity) this.moveTo(this.offset + distance);
    else this.velocity += distance * this.friction;
  }

  /**
   * Set the value, at rest.
   *
   * @param {number} offset
   */
  place(offset) {
    this.velocity = 0;
    this.moveTo(offset);
  }

  /** @param {number} offset */
  moveTo(offset) {
    if (this.periodic) {
      const wrapped = modulo(offset - this.low, this.high - this.low) + this.low;
      const inside = offset >= this.low && offset < this.high;
      this.offset = inside ? offset : wrapped < this.high ? wrapped : this.low;
      return;
    }
    this.offset = clamp(offset, this.low, this.high);
    if (this.offset !== offset) this.velocity = 0;
  }
}

/**
 * Directions in which keys move the look.
 *
 * @typedef {"left" | "right" | "up" | "down" | "lean left" | "lean right"} Drive
 */

/** The look and everything that moves it. */
export class Camera {
  #glides = true;

  constructor() {
    this.yaw = new Dynamic(0, -Math.PI, Math.PI, true);
    this.pitch = new Dynamic(0, -Math.PI / 2, Math.PI / 2);
    this.roll = new Dynamic(0, -Math.PI, Math.PI, true);
    this.hfov = new Dynamic(DEFAULT_HFOV, MIN_HFOV, MAX_HFOV);
    /** @type {Set<Drive>} */
    this.held = new Set();
    /** @type {Grip | null} */
    this.grip = null;
    /** @type {Point} */
    this.hand = [0, 0];
    this.inertia = true;
    this.last = this.look();
    /** Angular speed of the view during the last step, radians per second. */
    this.speed = 0;
  }

  /** Whether the view glides on after a drag. */
  get inertia() {
    return this.#glides;
  }

  set inertia(on) {
    this.#glides = on;
    for (const dynamic of [this.yaw, this.pitch, this.roll, this.hfov]) {
      dynamic.friction = on ? FRICTION : Infinity;
      dynamic.velocity = 0;
    }
  }

  /** Whether the look will change without further input. */
  get moving() {
    const { yaw, pitch, roll, hfov } = this;
    const glides = [yaw, pitch, roll, hfov].some(({ velocity }) => velocity !== 0);
    return glides || this.held.size > 0 || this.grip !== null;
  }

  /**
   * Return the current look.
   *
   * @returns {Look}
   */
  look() {
    return {
      yaw: this.yaw.offset,
      pitch: this.pitch.offset,
      roll: this.roll.offset,
      hfov: this.hfov.offset,
    };
  }

  /**
   * Set the look at once and end any drag.
   *
   * @param {Look} look
   */
  lookAt(look) {
    this.release();
    this.yaw.place(look.yaw);
    this.pitch.place(look.pitch);
    this.roll.place(look.roll);
    this.hfov.place(look.hfov);
    this.last = this.look();
  }

  /** Return to the first view. */
  reset() {
    this.lookAt({ yaw: 0, pitch: 0, roll: 0, hfov: DEFAULT_HFOV });
  }

  /**
   * Start a drag of the scene at `point`.
   *
   * @param {Point} point
   */
  press(point) {
    this.grip = new Grip(point, this.look());
    this.hand = point;
    this.yaw.velocity = this.pitch.velocity = 0;
  }

  /**
   * Drag to `point`.
   *
   * @param {Point} point
   */
  move(point) {
    this.hand = point;
    this.#follow();
  }

  /** End the drag; with inertia the view glides on. */
  release() {
    this.grip = null;
  }

  /** End all held keys and the drag, because the page lost the keyboard. */
  letGoAll() {
    this.held.clear();
    this.release();
  }

  /**
   * Zoom in by wheel steps; negative zooms out.
   *
   * @param {number} steps
   */
  zoom(steps) {
    this.hfov.nudge(-steps * ZOOM_STEP * this.hfov.offset);
  }

  /**
   * Zoom at once, so that objects on the view plane become `factor` times as large.
   *
   * @param {number} factor
   */
  enlarge(factor) {
    this.hfov.place(2 * Math.atan(Math.tan(this.hfov.offset / 2) / factor));
  }

  /**
   * Advance by a time. Keys and glides move at most as far as in 0.1 s, so that the view does not
   * jump after a slow frame.
   *
   * @param {number} seconds
   */
  advance(seconds) {
    if (!(seconds > 0)) return;
    const before = this.last;
    const step = Math.min(seconds, LONGEST_STEP_S);
    this.hfov.advance(step);
    this.roll.advance(step, this.#drive("lean right", "lean left") * ROLL_SPEED);
    if (this.grip) {
      this.#follow();
      this.#feelVelocity(before, seconds);
    } else {
      const turn = TURN_PER_HFOV * this.hfov.offset;
      this.yaw.advance(step, this.#drive("right", "left") * turn);
      this.pitch.advance(step, this.#drive("up", "down") * turn);
    }
    this.last = this.look();
    this.#feelSpeed(before, seconds);
  }

  /**
   * @param {Drive} forward
   * @param {Drive} backward
   * @returns {number}
   */
  #drive(forward, backward) {
    return Number(this.held.has(forward)) - Number(this.held.has(backward));
  }

  #follow() {
    if (!this.grip) return;
    const look = this.grip.move(this.hand, this.look());
    this.yaw.offset = look.yaw;
    this.pitch.offset = look.pitch;
  }

  /**
   * @param {Look} before
   * @param {number} seconds
   */
  #feelSpeed(before, seconds) {
    const [now, then] = [rotationOf(this.last), rotationOf(before)];
    const apart = Math.hypot(now[6] - then[6], now[7] - then[7], now[8] - then[8]);
    this.speed = (2 * Math.asin(Math.min(apart / 2, 1))) / seconds;
  }

  /**
   * @param {Look} before
   * @param {number} seconds
   */
  #feelVelocity(before, seconds) {
    if (!this.#glides) return;
    const share = 1 - Math.exp(-seconds / VELOCITY_MEMORY_S);
    const now = this.look();
    for (const [dynamic, travelled] of /** @type {const} */ ([
      [this.yaw, wrapYaw(now.yaw - before.yaw)],
      [this.pitch, now.pitch - before.pitch],
    ])) {
      const velocity = dynamic.velocity + share * (travelled / seconds - dynamic.velocity);
      dynamic.velocity = clamp(velocity, -MAX_GLIDE, MAX_GLIDE);
    }
  }
}
