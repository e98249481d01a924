/**
 * Looks: direction, roll and field of view, as in `model/geometry/look.py`. No DOM.
 *
 * World axes: X = cos(pitch)·cos(yaw), Y = sin(pitch), Z = −cos(pitch)·sin(yaw).
 */

const TURN = 2 * Math.PI;

/**
 * Direction, roll and horizontal field of view of a viewer, in radians.
 *
 * @typedef {{yaw: number, pitch: number, roll: number, hfov: number}} Look
 */

/**
 * Rotation from camera axes to world axes by columns: right, up and forward, three numbers each.
 *
 * @typedef {number[]} Rotation
 */

/**
 * The pyramid of a view: its rotation, and the tangents of its left, right, lower and upper edge.
 *
 * @typedef {{rotation: Rotation, tangents: number[]}} Frustum
 */

/**
 * @param {number} degrees
 * @returns {number}
 */
export function radians(degrees) {
  return (degrees * Math.PI) / 180;
}

/**
 * @param {number} radians
 * @returns {number}
 */
export function degrees(radians) {
  return (radians * 180) / Math.PI;
}

export const DEFAULT_HFOV = radians(78.1);

/**
 * Return the remainder with the sign of the divisor.
 *
 * @param {number} value
 * @param {number} divisor
 * @returns {number}
 */
export function modulo(value, divisor) {
  return ((value % divisor) + divisor) % divisor;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * Wrap yaw, in radians, to [−π, π).
 *
 * @param {number} yaw
 * @returns {number}
 */
export function wrapYaw(yaw) {
  return modulo(yaw + Math.PI, TURN) - Math.PI;
}

/**
 * @param {Look} look
 * @returns {Rotation}
 */
export function rotationOf({ yaw, pitch, roll }) {
  const [cy, sy] = [Math.cos(yaw), Math.sin(yaw)];
  const [cp, sp] = [Math.cos(pitch), Math.sin(pitch)];
  const [cr, sr] = [Math.cos(roll), Math.sin(roll)];
  const right = [-sy, 0, -cy];
  const up = [-sp * cy, cp, sp * sy];
  return [
    ...right.map((value, i) => cr * value - sr * up[i]),
    ...up.map((value, i) => cr * value + sr * right[i]),
    cp * cy,
    sp,
    -cp * sy,
  ];
}

/**
 * Return the pyramid that `look` shows.
 *
 * @param {Look} look
 * @param {number} aspect - width over height of the view.
 * @returns {Frustum}
 */
export function frustumOf(look, aspect) {
  const x = Math.tan(look.hfov / 2);
  const y = x / aspect;
  return { rotation: rotationOf(look), tangents: [-x, x, -y, y] };
}

/**
 * Return the look of a rotation: the inverse of `rotationOf`. Straight up or down, yaw and roll are
 * the same rotation, and roll is 0.
 *
 * @param {Rotation} rotation
 * @param {number} hfov
 * @returns {Look}
 */
export function lookFromRotation(rotation, hfov) {
  const [rightX, rightY, rightZ, , upY, , forwardX, forwardY, forwardZ] = rotation;
  const pitch = Math.asin(clamp(forwardY, -1, 1));
  if (Math.abs(forwardY) > 1 - 1e-12)
    return { yaw: Math.atan2(-rightX, -rightZ), pitch, roll: 0, hfov };
  const yaw = Math.atan2(-forwardZ, forwardX);
  return { yaw, pitch, roll: Math.atan2(-rightY, upY), hfov };
}

/**
 * Rotate a vector from camera axes to world axes.
 *
 * @param {Rotation} rotation
 * @param {number[]} vector
 * @returns {number[]}
 */
export function turned(rotation, vector) {
  return [0, 1, 2].map(
    (row) =>
      rotation[row] * vector[0] + rotation[row + 3] * vector[1] + rotation[row + 6] * vector[2],
  );
}

/**
 * Return the rotation from one camera's axes to another's.
 *
 * @param {Rotation} from
 * @param {Rotation} to
 * @returns {Rotation}
 */
export function between(from, to) {
  return [0, 3, 6].flatMap((column) =>
    [0, 3, 6].map(
      (axis) =>
        to[axis] * from[column] +
        to[axis + 1] * from[column + 1] +
        to[axis + 2] * from[column + 2],
    ),
  );
}

/**
 * Return the mipmap level of a panorama to sample with pixels `angle` radians wide. Each level is
 * half the size of the one before.
 *
 * @param {number} columns
 * @param {number} angle
 * @returns {number}
 */
export function levelOfDetail(columns, angle) {
  const skipped = (columns * angle) / TURN;
  return clamp(Math.log2(skipped) - 0.5, 0, Math.max(Math.log2(columns) - 2, 0));
}

/**
 * Return the narrowest horizontal field of view of a level picture that covers the view.
 *
 * @param {Look} look - the view's.
 * @param {number} shownAspect - width over height of the view.
 * @param {number} pictureAspect - width over height of the decoded picture.
 * @returns {number}
 */
export function coveringHfov(look, shownAspect, pictureAspect) {
  const x = Math.tan(look.hfov / 2);
  const y = x / shownAspect;
  const [cosine, sine] = [Math.abs(Math.cos(look.roll)), Math.abs(Math.sin(look.roll))];
  const halfWidth = x * cosine + y * sine;
  const halfHeight = y * cosine + x * sine;
  return 2 * Math.atan(Math.max(halfWidth, halfHeight * pictureAspect));
}

const SPARE = 1.05;
const MAX_OVERSCAN = radians(12);

/**
 * Return the look to decode: level, and wider than the view by the expected turn until the picture
 * is on screen.
 *
 * @param {Look} look - the view's.
 * @param {number} aspect - width over height of the view.
 * @param {number} overscan - radians that the view turns while a picture is decoded.
 * @param {{aspect: number, hfov: number[]}} decoder - of its pictures, and its range of fields of
 *   view.
 * @returns {Look}
 */
export function predictedLook(look, aspect, overscan, decoder) {
  const covering = coveringHfov(look, aspect, decoder.aspect);
  const spare = 2 * Math.atan(SPARE * Math.tan(covering / 2));
  const hfov = spare + 2 * Math.min(overscan, MAX_OVERSCAN);
  return {
    yaw: look.yaw,
    pitch: look.pitch,
    roll: 0,
    hfov: clamp(hfov, decoder.hfov[0], decoder.hfov[1]),
  };
}
