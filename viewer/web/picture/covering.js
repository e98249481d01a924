/**
 * Looks that together show a view that one picture cannot: wide, tall or rolled ones. As in
 * `model/rendering.py`, but with as few looks as the view needs. No DOM.
 */

import { rotationOf } from "../look.js";

/** @typedef {import("../look.js").Frustum} Frustum */
/** @typedef {import("../look.js").Look} Look */

/**
 * A picture's look and frame, and the number of pictures decoded since.
 *
 * @typedef {{look: Look, frame: number, age: number}} Held
 */

/**
 * Width over height of a decoder's pictures, and its range of fields of view.
 *
 * @typedef {{aspect: number, hfov: number[]}} Range
 */

/** Angle between neighbouring points of a view, in radians. */
const STEP = 0.08;
/** Central share of the newest picture that counts as shown; the rest is blended at its border. */
const CENTRE = 0.96;
/** The same for other pictures: the view between two points is shown, too. */
const INNER = 0.9;
/** Weights of points that no picture shows, and at most of those that an older frame shows. */
const UNSEEN = 4;
const OLDEST = 2;
/** Most points that are tried as the centre of a picture. */
const MOST_CENTRES = 80;
/** Preference for a look that is held, so that pictures at rest do not change. */
const KEEP = 1.1;

/**
 * Return points all over a view, as directions of any length.
 *
 * @param {Frustum} frustum
 * @returns {number[][]}
 */
export function pointsOf({ rotation, tangents: [left, right, down, up] }) {
  const points = [];
  for (const y of spread(down, up))
    for (const x of spread(left, right))
      points.push([0, 1, 2].map((i) => x * rotation[i] + y * rotation[i + 3] + rotation[i + 6]));
  return points;
}

/**
 * Return tangents from one to the other, in equal angles.
 *
 * @param {number} low
 * @param {number} high
 * @returns {number[]}
 */
function spread(low, high) {
  const [first, last] = [Math.atan(low), Math.atan(high)];
  const steps = Math.max(Math.ceil((last - first) / STEP), 2);
  return Array.from({ length: steps + 1 }, (_, i) => Math.tan(first + ((last - first) * i) / steps));
}

/**
 * Return a function that tells whether a level picture shows a direction.
 *
 * @param {Look} look
 * @param {number} aspect
 * @param {number} share - central share of the picture that counts.
 * @returns {(direction: number[]) => boolean}
 */
function shownBy(look, aspect, share) {
  const [rx, ry, rz, ux, uy, uz, fx, fy, fz] = rotationOf(look);
  const x = share * Math.tan(look.hfov / 2);
  const y = x / aspect;
  return ([a, b, c]) => {
    const depth = fx * a + fy * b + fz * c;
    return (
      Math.abs(rx * a + ry * b + rz * c) <= x * depth &&
      Math.abs(ux * a + uy * b + uz * c) <= y * depth
    );
  };
}

/**
 * Return the directions among `points` that the picture of `look` does not show.
 *
 * @param {number[][]} points
 * @param {Look} look
 * @param {number} aspect
 * @returns {number[][]}
 */
export function beyond(points, look, aspect) {
  const shown = shownBy(look, aspect, CENTRE);
  return points.filter((point) => !shown(point));
}

/**
 * Return true if the picture of `look` shows one of `points`.
 *
 * @param {number[][]} points
 * @param {Look} look
 * @param {number} aspect
 * @returns {boolean}
 */
export function showsAny(points, look, aspect) {
  return points.some(shownBy(look, aspect, 1));
}

/**
 * Return the look to decode next, so that pictures of `frame` show all of `points`; null if those
 * held do.
 *
 * @param {number[][]} points
 * @param {Held[]} held
 * @param {number} frame
 * @param {Range} range
 * @returns {Look | null}
 */
export function nextLook(points, held, frame, { aspect, hfov }) {
  const known = held.map(({ look, frame: of, age }) => ({
    shown: shownBy(look, aspect, INNER),
    weight: of === frame ? 0 : OLDEST * (1 - 1 / (2 + age)),
  }));
  const missing = points
    .map((point) => {
      const weights = known.filter(({ shown }) => shown(point)).map(({ weight }) => weight);
      return { point, weight: Math.min(UNSEEN, ...weights) };
    })
    .filter(({ weight }) => weight > 0);
  if (missing.length === 0) return null;
  const thin = Math.ceil(missing.length / MOST_CENTRES);
  const candidates = [
    ...held.map(({ look }) => ({ look, preference: KEEP })),
    ...missing
      .filter((_, i) => i % thin === 0)
      .map(({ point }) => ({ look: towards(point, hfov[1]), preference: 1 })),
  ];
  let [best, most] = [candidates[0].look, 0];
  for (const { look, preference } of candidates) {
    const shown = shownBy(look, aspect, INNER);
    let score = 0;
    for (const { point, weight } of missing) if (shown(point)) score += preference * weight;
    if (score > most) [best, most] = [look, score];
  }
  return best;
}

/**
 * @param {number[]} direction
 * @param {number} hfov
 * @returns {Look}
 */
function towards([x, y, z], hfov) {
  return { yaw: Math.atan2(-z, x), pitch: Math.atan2(y, Math.hypot(x, z)), roll: 0, hfov };
}
