/**
 * Dragging: finds the look that keeps the dragged point of the scene under the pointer, as
 * `viewer/input/drag.py` does. No DOM.
 *
 * Points are on the view plane: x to the right and y up, in units of half the picture's width.
 */

import { clamp, rotationOf, turned, wrapYaw } from "../look.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {[number, number]} Point */

/** Largest turn in yaw or pitch for each radian of pointer movement. */
export const LARGEST_GAIN = 4;

const HELD = 1e-9;
const HALF_PI = Math.PI / 2;

/**
 * Return the unit vector in camera axes through a point of the view plane.
 *
 * @param {Point} point
 * @param {number} hfov
 * @returns {number[]}
 */
export function rayThrough(point, hfov) {
  const tangent = Math.tan(hfov / 2);
  const ray = [point[0] * tangent, point[1] * tangent, 1];
  const length = Math.hypot(...ray);
  return ray.map((value) => value / length);
}

/** One drag, from press to release. */
export class Grip {
  /**
   * Start a drag at what `look` shows at `point`.
   *
   * @param {Point} point
   * @param {Look} look
   */
  constructor(point, look) {
    this.ray = rayThrough(point, look.hfov);
    this.anchor = turned(rotationOf(look), this.ray);
    this.level = levelled(this.ray, look.roll);
  }

  /**
   * Return the look that shows the dragged point at `point`.
   *
   * It keeps the roll and field of view of `current`. Up to two looks fit; the one closer to
   * `current` is used. If it is further than `LARGEST_GAIN` allows, the look turns only that far;
   * if none fits, it comes as close as possible. The drag then slips.
   *
   * @param {Point} point
   * @param {Look} current
   * @returns {Look}
   */
  move(point, current) {
    const before = this.level;
    this.ray = rayThrough(point, current.hfov);
    this.level = levelled(this.ray, current.roll);
    const moved = 2 * Math.asin(Math.min(distance(this.level, before) / 2, 1));
    const turns = [[0, 0]];
    for (const [yaw, pitch] of exactTurns(this.anchor, this.level, current)) {
      const largest = Math.max(Math.abs(yaw), Math.abs(pitch), 1e-12);
      const share = Math.min(1, (LARGEST_GAIN * moved) / largest);
      turns.push([share * yaw, share * pitch]);
    }
    const choices = turns.map(([yaw, pitch]) => {
      const look = turnedLook(current, yaw, pitch);
      const missed = distance(turned(rotationOf(look), this.ray), this.anchor);
      return { look, missed, turn: Math.max(Math.abs(yaw), Math.abs(pitch)) };
    });
    const best = choices.reduce((one, other) => {
      const apart = Math.round(other.missed * 1e9) - Math.round(one.missed * 1e9);
      return apart < 0 || (apart === 0 && other.turn < one.turn) ? other : one;
    });
    if (best.missed > HELD) this.anchor = turned(rotationOf(best.look), this.ray);
    return best.look;
  }
}

/**
 * @param {number[]} a
 * @param {number[]} b
 * @returns {number}
 */
function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/**
 * Rotate `ray` into the axes of the same camera without roll.
 *
 * @param {number[]} ray
 * @param {number} roll
 * @returns {number[]}
 */
function levelled(ray, roll) {
  const [cosine, sine] = [Math.cos(roll), Math.sin(roll)];
  return [cosine * ray[0] + sine * ray[1], cosine * ray[1] - sine * ray[0], ray[2]];
}

/**
 * @param {Look} look
 * @param {number} yaw
 * @param {number} pitch
 * @returns {Look}
 */
function turnedLook(look, yaw, pitch) {
  return {
    ...look,
    yaw: wrapYaw(look.yaw + yaw),
    pitch: clamp(look.pitch + pitch, -HALF_PI, HALF_PI),
  };
}

/**
 * Return turns in yaw and pitch that bring `anchor` to the ray `level`. If a level horizon or the
 * limit of pitch makes that impossible, they bring it as near as its longitude allows.
 *
 * @param {number[]} anchor
 * @param {number[]} level
 * @param {Look} current
 * @returns {number[][]}
 */
function exactTurns(anchor, level, current) {
  const [right, up, forward] = level;
  // With β the ray's elevation in the level camera, its height is reach·sin(pitch + β).
  const [elevation, reach] = [Math.atan2(up, forward), Math.hypot(up, forward)];
  const raised = Math.asin(clamp(anchor[1] / reach, -1, 1));
  const longitude = Math.atan2(-anchor[2], anchor[0]);
  return [raised, (raised < 0 || Object.is(raised, -0) ? -Math.PI : Math.PI) - raised].map(
    (angle) => {
      const pitch = clamp(angle - elevation, -HALF_PI, HALF_PI);
      const ahead = forward * Math.cos(pitch) - up * Math.sin(pitch);
      const yaw = longitude - Math.atan2(right, ahead);
      return [wrapYaw(yaw - current.yaw), pitch - current.pitch];
    },
  );
}
