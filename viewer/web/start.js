/**
 * Start of a page as named in its link: `#yaw=30&pitch=-10&hfov=60&frame=7&decoder=hnerv`. No DOM.
 */

import { MAX_HFOV, MIN_HFOV } from "./input/camera.js";
import { DEFAULT_HFOV, clamp, degrees, radians, wrapYaw } from "./look.js";

/** @typedef {import("./look.js").Look} Look */

/**
 * Parse a look in degrees, a frame (at which the clip pauses) and a decoder from `hash`. Unusable
 * values are ignored.
 *
 * @param {string} hash
 * @param {number} frames
 * @param {string[]} decoders
 * @returns {{look: Look, frame: number | null, decoder: string | null}}
 */
export function startOf(hash, frames, decoders) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (/** @type {string} */ name, /** @type {number} */ otherwise) => {
    const value = asked.get(name);
    return value !== null && value.trim() !== "" && Number.isFinite(Number(value))
      ? Number(value)
      : otherwise;
  };
  const frame = number("frame", NaN);
  const decoder = asked.get("decoder");
  return {
    look: {
      yaw: wrapYaw(radians(number("yaw", 0) % 360)),
      pitch: radians(clamp(number("pitch", 0), -90, 90)),
      roll: wrapYaw(radians(number("roll", 0) % 360)),
      hfov: clamp(radians(number("hfov", degrees(DEFAULT_HFOV))), MIN_HFOV, MAX_HFOV),
    },
    frame: Number.isInteger(frame) && frame >= 0 && frame < frames ? frame : null,
    decoder: decoder !== null && decoders.includes(decoder) ? decoder : null,
  };
}
