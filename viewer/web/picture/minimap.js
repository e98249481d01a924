/** Map of the whole sphere with the outline of the view, like the window's panel. */

import { rotationOf, turned } from "../look.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {[number, number]} Place */

const POINTS = 32;

/**
 * Return the outline of the view on the map, as lines in [0, 1], (0, 0) the upper left. A line that
 * crosses ±180° ends at one edge of the map and continues at the other.
 *
 * @param {Look} look
 * @param {number} aspect - width over height of the view.
 * @returns {Place[][]}
 */
export function outline(look, aspect) {
  const places = border(look, aspect);
  /** @type {Place[]} */
  let current = [places[0]];
  const lines = [current];
  for (let i = 1; i <= places.length; i++) {
    const [before, now] = [places[i - 1], places[i % places.length]];
    const jump = Math.round(before[0] - now[0]);
    if (jump) {
      const edge = jump > 0 ? 1 : 0;
      const far = now[0] + jump;
      const share = far === before[0] ? 0 : (edge - before[0]) / (far - before[0]);
      const crossing = before[1] + share * (now[1] - before[1]);
      current.push([edge, crossing]);
      current = [[1 - edge, crossing]];
      lines.push(current);
    }
    current.push(now);
  }
  return lines;
}

/**
 * Return positions on the map along the border of the view, once around.
 *
 * @param {Look} look
 * @param {number} aspect
 * @returns {Place[]}
 */
function border(look, aspect) {
  const rotation = rotationOf(look);
  const x = Math.tan(look.hfov / 2);
  const y = x / aspect;
  const along = Array.from({ length: POINTS }, (_, i) => (2 * i) / POINTS - 1);
  return [
    ...along.map((at) => [at * x, y]),
    ...along.map((at) => [x, -at * y]),
    ...along.map((at) => [-at * x, -y]),
    ...along.map((at) => [-x, at * y]),
  ].map(([right, up]) => {
    const direction = turned(rotation, [right, up, 1]);
    const longitude = Math.atan2(-direction[2], direction[0]);
    const latitude = Math.atan2(direction[1], Math.hypot(direction[0], direction[2]));
    return [longitude / (2 * Math.PI) + 0.5, 0.5 - latitude / Math.PI];
  });
}

/**
 * Draw the map.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasImageSource | null} still
 * @param {Look} look
 * @param {number} aspect
 */
export function drawMap(canvas, still, look, aspect) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  context.globalAlpha = 0.72;
  if (still) context.drawImage(still, 0, 0, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = "#edf0f2";
  context.lineWidth = width / 140;
  for (const line of outline(look, aspect)) {
    context.beginPath();
    for (const [u, v] of line) context.lineTo(u * width, v * height);
    context.stroke();
  }
  context.fillStyle = "#5cb8ff";
  context.beginPath();
  const u = look.yaw / (2 * Math.PI) + 0.5;
  const v = 0.5 - look.pitch / Math.PI;
  context.arc(u * width, v * height, width / 88, 0, 2 * Math.PI);
  context.fill();
}
