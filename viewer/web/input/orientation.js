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

const SILENCE_MS = 1500;

/** Turns the camera with the device, starting from the current look. */
export class DeviceLook {
  #north = NaN;
  #tilt = 0;
  #silence = 0;
  /**
   * The camera's look as it was left here; another one was set by a drag, a key or a link.
   *
   * @type {Look | null}
   */
  #placed = null;

  /**
   * @param {Camera} camera
   * @param {() => void} wake
   * @param {(sentence: string) => void} tell - called after it starts or ends, with the reason if
   *     it cannot follow the device, or an empty text.
   */
  constructor(camera, wake, tell) {
    this.camera = camera;
    this.wake = wake;
    this.tell = tell;
    this.on = false;
    this.follow = this.follow.bind(this);
  }

  /** Start or stop; ask the user for permission if needed. */
  async toggle() {
    if (this.on) return this.#end("");
    const asks = /** @type {{requestPermission?: () => Promise<string>}} */ (
      /** @type {unknown} */ (DeviceOrientationEvent)
    );
    const answer = await asks.requestPermission?.().catch(() => "denied");
    if (answer !== undefined && answer !== "granted")
      return this.tell("This browser does not let the page follow the device.");
    this.restart();
    window.addEventListener("deviceorientation", this.follow);
    this.on = true;
    this.#silence = window.setTimeout(
      () => this.#end("This device does not report how it is turned."),
      SILENCE_MS,
    );
    this.tell("");
  }

  /** Start from the camera's direction again. */
  restart() {
    this.#placed = null;
    this.#north = NaN;
  }

  /** @param {string} reason */
  #end(reason) {
    window.clearTimeout(this.#silence);
    window.removeEventListener("deviceorientation", this.follow);
    this.on = false;
    this.camera.roll.place(0);
    this.tell(reason);
  }

  /** @param {{alpha: number | null, beta: number | null, gamma: number | null}} event */
  follow({ alpha, beta, gamma }) {
    if (alpha === null || beta === null || gamma === null) return;
    globalThis.clearTimeout(this.#silence);
    const { camera } = this;
    if (camera.grip) return;
    const turned = globalThis.screen?.orientation?.angle ?? 0;
    const look = lookOfDevice({ alpha, beta, gamma }, turned, camera.hfov.offset);
    const { yaw, pitch } = camera.look();
    if (Number.isNaN(this.#north)) [this.#north, this.#tilt] = [yaw - look.yaw, 0];
    else if (this.#placed && (yaw !== this.#placed.yaw || pitch !== this.#placed.pitch)) {
      this.#north += yaw - this.#placed.yaw;
      this.#tilt += pitch - this.#placed.pitch;
    }
    camera.yaw.place(wrapYaw(look.yaw + this.#north));
    camera.pitch.place(look.pitch + this.#tilt);
    camera.roll.place(look.roll);
    this.#placed = camera.look();
    this.wake();
  }
}
