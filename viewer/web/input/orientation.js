/** Looks from the orientation of a phone. */

import { lookFromRotation, radians, wrapYaw } from "../look.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("./camera.js").Camera} Camera */

/**
 * Return the look through the back of a device, with yaw from north.
 *
 * @param {{alpha: number, beta: number, gamma: number}} angles - of the device, in degrees, as in
 *     DeviceOrientationEvent.
 * @param {number} screen - rotation of the page on the device, in degrees.
 * @param {number} hfov
 * @returns {Look}
 */
export function lookOfDevice({ alpha, beta, gamma }, screen, hfov) {
  const [z, x, y, s] = [alpha, beta, gamma, screen].map(radians);
  const [cz, sz, cx, sx] = [Math.cos(z), Math.sin(z), Math.cos(x), Math.sin(x)];
  const [cy, sy] = [Math.cos(y), Math.sin(y)];
  // Axes of the device (right, top, out of its screen) in east, north and up.
  const right = [cz * cy - sz * sx * sy, cy * sz + cz * sx * sy, -cx * sy];
  const top = [-cx * sz, cz * cx, sx];
  const out = [cy * sz * sx + cz * sy, sz * sy - cz * cy * sx, cx * cy];
  const [cs, ss] = [Math.cos(s), Math.sin(s)];
  const camera = [
    right.map((value, i) => cs * value - ss * top[i]),
    right.map((value, i) => ss * value + cs * top[i]),
    out.map((value) => -value),
  ];
  const world = camera.flatMap(([east, north, up]) => [north, up, -east]);
  return lookFromRotation(world, hfov);
}

/** Return true if the device may report its orientation. */
export function hasOrientation() {
  return "DeviceOrientationEvent" in window && window.isSecureContext && navigator.maxTouchPoints > 0;
}

/** Turns the camera with the device, starting from the current look. */
export class DeviceLook {
  #north = NaN;

  /**
   * @param {Camera} camera
   * @param {() => void} wake
   */
  constructor(camera, wake) {
    this.camera = camera;
    this.wake = wake;
    this.on = false;
    this.follow = this.follow.bind(this);
  }

  /**
   * Start or stop; ask the user for permission if needed.
   *
   * @returns {Promise<boolean>} whether it follows the device now.
   */
  async toggle() {
    if (this.on) {
      window.removeEventListener("deviceorientation", this.follow);
      this.on = false;
      this.camera.roll.place(0);
      return false;
    }
    const asks = /** @type {{requestPermission?: () => Promise<string>}} */ (
      /** @type {unknown} */ (DeviceOrientationEvent)
    );
    if (asks.requestPermission && (await asks.requestPermission()) !== "granted") return false;
    this.#north = NaN;
    window.addEventListener("deviceorientation", this.follow);
    this.on = true;
    return true;
  }

  /** @param {DeviceOrientationEvent} event */
  follow({ alpha, beta, gamma }) {
    if (alpha === null || beta === null || gamma === null) return;
    const { camera } = this;
    const turned = screen.orientation?.angle ?? 0;
    const look = lookOfDevice({ alpha, beta, gamma }, turned, camera.hfov.offset);
    if (Number.isNaN(this.#north)) this.#north = camera.yaw.offset - look.yaw;
    camera.yaw.place(wrapYaw(look.yaw + this.#north));
    camera.pitch.place(look.pitch);
    camera.roll.place(look.roll);
    this.wake();
  }
}
