/** The course of a training: loss and quality as curves. */

import { element } from "../controls.js";

/**
 * Points of a curve: step and value.
 *
 * @typedef {[number, number][]} Curve
 * @typedef {{step: number, steps: number, loss: Curve, psnr: Curve, moving: Curve}} Course
 */

const WIDTH = 200;
const HEIGHT = 72;

/**
 * Return the points of an SVG line through a curve, from its lowest to its highest value.
 *
 * @param {Curve} curve
 * @param {number} steps - at the right edge.
 * @param {number} low - value at the lower edge.
 * @param {number} high
 * @returns {string}
 */
export function lineOf(curve, steps, low, high) {
  const range = high - low || 1;
  return curve
    .map(([step, value]) => [(step / steps) * WIDTH, HEIGHT - ((value - low) / range) * HEIGHT])
    .map((place) => place.map((each) => each.toFixed(1)).join(","))
    .join(" ");
}

/**
 * Show a course beside the view.
 *
 * @param {Course} course
 */
export function showCourse({ step, steps, loss, psnr, moving }) {
  const last = (/** @type {Curve} */ curve) => curve[curve.length - 1]?.[1];
  const [now, quality, there] = [loss, psnr, moving].map(last);
  const texts = {
    steps: `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}`,
    loss: now === undefined ? "" : `loss ${now.toFixed(3)}`,
    psnr: quality === undefined ? "" : `PSNR ${quality.toFixed(2)} dB`,
    moving: there === undefined ? "" : `${there.toFixed(2)} dB where it moves`,
  };
  for (const [name, text] of Object.entries(texts))
    element(`course-${name}`, HTMLElement).textContent = text;
  const losses = loss.map(([, value]) => value);
  const qualities = [...psnr, ...moving].map(([, value]) => value);
  for (const [name, curve, values] of /** @type {[string, Curve, number[]][]} */ ([
    ["loss", loss, losses],
    ["psnr", psnr, qualities],
    ["moving", moving, qualities],
  ])) {
    const points = lineOf(curve, steps, Math.min(...values), Math.max(...values));
    document.querySelector(`#course .${name}`)?.setAttribute("points", points);
  }
  element("course", HTMLElement).hidden = false;
}
