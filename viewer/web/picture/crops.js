/** Crops of the frame that looks see, as in `model/networks/frame_crop.py`. No DOM. */

import { modulo, rotationOf, turned } from "../look.js";

/** @typedef {import("../look.js").Look} Look */

/**
 * Size of the coarsest embedding, pixels around those that a look samples, and the size of the
 * largest crop.
 *
 * @typedef {{rows: number, columns: number, margin: number, height: number, width: number}} Crops
 */

/**
 * A part of the frame, in pixels of the coarsest embedding; it may continue beyond the right edge at
 * the left.
 *
 * @typedef {{left: number, top: number, width: number, height: number}} Crop
 */

const STEP = 8;
const TURN = 2 * Math.PI;
const SAMPLED_ROWS = 64;

/**
 * Return the crop that a look sees.
 *
 * @param {Crops} crops
 * @param {Look} look - level.
 * @param {number} aspect - width over height of its picture.
 * @returns {Crop}
 */
export function seenCrop({ rows, columns, margin }, look, aspect) {
  const { low, high, aside } = boundsOf(look, aspect);
  const above = Math.floor((0.5 - high / Math.PI) * rows) - margin;
  const below = Math.ceil((0.5 - low / Math.PI) * rows) + margin;
  const half = Math.ceil((aside / TURN) * columns) + margin;
  const [first, end] = [Math.max(above, 0), Math.min(below, rows)];
  const height = Math.min(Math.ceil((end - first) / STEP) * STEP, rows);
  const top = Math.min(first, rows - height);
  if (above < 0 || below > rows || 2 * half + 1 + STEP > columns)
    return { left: 0, top, width: columns, height };
  const centre = Math.floor((look.yaw / TURN + 0.5) * columns);
  const width = Math.ceil((2 * half + 1) / STEP) * STEP;
  return { left: modulo(centre - half, columns), top, width, height };
}

/**
 * Return true if a crop has every pixel of another one.
 *
 * @param {Crop} crop
 * @param {Crop} other
 * @param {number} columns - of the whole frame.
 * @returns {boolean}
 */
export function contains(crop, other, columns) {
  const gap = modulo(other.left - crop.left, columns);
  return (
    (crop.width === columns || gap + other.width <= crop.width) &&
    crop.top <= other.top &&
    other.top + other.height <= crop.top + crop.height
  );
}

/**
 * Return the lowest and highest latitude in a viewport, and the largest longitude from its centre.
 *
 * @param {Look} look
 * @param {number} aspect
 * @returns {{low: number, high: number, aside: number}}
 */
function boundsOf(look, aspect) {
  const rotation = rotationOf(look);
  const tangent = Math.tan(look.hfov / 2);
  const columns = Math.round(SAMPLED_ROWS * aspect);
  let [low, high, aside] = [Infinity, -Infinity, 0];
  const sample = (/** @type {number} */ column, /** @type {number} */ row) => {
    const x = ((column + 0.5) / columns) * 2 - 1;
    const y = (1 - ((row + 0.5) / SAMPLED_ROWS) * 2) * (SAMPLED_ROWS / columns);
    const [east, up, south] = turned(rotation, [x * tangent, y * tangent, 1]);
    const latitude = Math.atan2(up, Math.hypot(east, south));
    low = Math.min(low, latitude);
    high = Math.max(high, latitude);
    const apart = modulo(Math.atan2(-south, east) - look.yaw + Math.PI, TURN) - Math.PI;
    aside = Math.max(aside, Math.abs(apart));
  };
  for (let column = 0; column < columns; column++)
    for (const row of [0, SAMPLED_ROWS - 1]) sample(column, row);
  for (let row = 0; row < SAMPLED_ROWS; row++)
    for (const column of [0, columns - 1]) sample(column, row);
  for (const pole of [1, -1]) {
    const [x, y, z] = [rotation[1], rotation[4], rotation[7]].map((value) => pole * value);
    if (!(z > 0 && Math.abs(x / z) <= tangent && Math.abs(y / z) <= tangent / aspect)) continue;
    aside = Math.PI;
    if (pole > 0) high = Math.PI / 2;
    else low = -Math.PI / 2;
  }
  return { low, high, aside };
}
