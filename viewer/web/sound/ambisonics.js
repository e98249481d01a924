/** First-order ambisonics in two ears, as in `model/sound/ambisonics.py`. No DOM. */

import { radians, rotationOf } from "../look.js";

/** @typedef {import("../look.js").Look} Look */

/** Direction of each ear's cardioid. */
const EAR_YAW = radians(70);

/**
 * Return the gains of W, Y, Z, X in the left ear of a look, and in the right one.
 *
 * @param {Look} look
 * @returns {number[][]}
 */
export function earGains(look) {
  const rotation = rotationOf(look);
  const [aside, forward] = [Math.sin(EAR_YAW), Math.cos(EAR_YAW)];
  // The world's axes are ahead, up and left; the rotation's columns right, up and ahead.
  return [aside, -aside].map((left) => [
    0.5,
    ...[2, 1, 0].map((axis) => 0.5 * (forward * rotation[6 + axis] - left * rotation[axis])),
  ]);
}
