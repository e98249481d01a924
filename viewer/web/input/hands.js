/** Mouse, touch, wheel and keyboard input for the camera and for actions. */

import { bindingOf, driveOf } from "./keymap.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./drag.js").Point} Point */
/** @typedef {import("./keymap.js").Action} Action */

const WHEEL_NOTCH = 100;
const LINES_A_NOTCH = 3;
const PINCH_SPEED = 0.01;

/**
 * Convert a pointer's position to the view plane.
 *
 * @param {{x: number, y: number}} place
 * @param {{left: number, top: number, width: number, height: number}} box
 * @returns {Point}
 */
export function pointAt({ x, y }, { left, top, width, height }) {
  return [((x - left) / width) * 2 - 1, (height - 2 * (y - top)) / width];
}

/**
 * Convert a wheel event to steps, or to a factor if it is a pinch on a touchpad.
 *
 * @param {Pick<WheelEvent, "deltaY" | "deltaMode" | "ctrlKey">} event
 * @returns {{steps: number} | {factor: number}}
 */
export function wheelOf({ deltaY, deltaMode, ctrlKey }) {
  if (ctrlKey) return { factor: Math.exp(-deltaY * PINCH_SPEED) };
  return { steps: -deltaY / (deltaMode === 0 ? WHEEL_NOTCH : LINES_A_NOTCH) };
}

/** Fingers or a mouse on the picture: one drags, two also pinch. */
export class Pointers {
  /** @type {Map<number, Point>} */
  #points = new Map();
  #spread = 0;

  /** @param {Camera} camera */
  constructor(camera) {
    this.camera = camera;
  }

  /**
   * @param {number} id
   * @param {Point} point
   */
  down(id, point) {
    this.#points.set(id, point);
    this.#hold();
  }

  /**
   * @param {number} id
   * @param {Point} point
   */
  move(id, point) {
    if (!this.#points.has(id)) return;
    this.#points.set(id, point);
    const spread = this.#apart();
    if (spread > 0 && this.#spread > 0) this.camera.enlarge(spread / this.#spread);
    this.#spread = spread;
    this.camera.move(this.#middle());
  }

  /** @param {number} id */
  up(id) {
    if (!this.#points.delete(id)) return;
    if (this.#points.size > 0) this.#hold();
    else this.camera.release();
  }

  clear() {
    this.#points.clear();
    this.camera.release();
  }

  #hold() {
    this.#spread = this.#apart();
    this.camera.press(this.#middle());
  }

  #apart() {
    const [first, second] = this.#points.values();
    return second ? Math.hypot(first[0] - second[0], first[1] - second[1]) : 0;
  }

  /** @returns {Point} */
  #middle() {
    const points = [...this.#points.values()].slice(0, 2);
    const sum = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
    return [sum[0] / points.length, sum[1] / points.length];
  }
}

/**
 * Connect input on `surface` to the camera, and keys to actions.
 *
 * @param {HTMLElement} surface
 * @param {Camera} camera
 * @param {(action: Action) => void} act
 * @param {() => void} wake - called after every event.
 */
export function listen(surface, camera, act, wake) {
  const pointers = new Pointers(camera);
  const place = (/** @type {PointerEvent} */ event) =>
    pointAt({ x: event.clientX, y: event.clientY }, surface.getBoundingClientRect());
  surface.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    pointers.down(event.pointerId, place(event));
    wake();
  });
  surface.addEventListener("pointermove", (event) => {
    // The release may have gone elsewhere, such as to a menu of the browser.
    if (event.pointerType === "mouse" && !(event.buttons & 1)) pointers.up(event.pointerId);
    pointers.move(event.pointerId, place(event));
    wake();
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"]))
    surface.addEventListener(name, (event) => {
      pointers.up(event.pointerId);
      wake();
    });
  surface.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const wheel = wheelOf(event);
      if ("factor" in wheel) camera.enlarge(wheel.factor);
      else camera.zoom(wheel.steps);
      wake();
    },
    { passive: false },
  );
  document.addEventListener("keydown", (event) => {
    if (takesKey(event)) return;
    const binding = bindingOf(event);
    if (!binding || (document.querySelector("dialog[open]") && binding.action !== "keys")) return;
    event.preventDefault();
    if (binding.drive) camera.held.add(binding.drive);
    else if (binding.action) act(binding.action);
    wake();
  });
  document.addEventListener("keyup", (event) => {
    const drive = driveOf(event);
    if (drive) camera.held.delete(drive);
    wake();
  });
  window.addEventListener("blur", () => {
    camera.letGoAll();
    pointers.clear();
    wake();
  });
}

/**
 * Return true if the focused control uses the key itself.
 *
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
function takesKey({ target, key }) {
  if (target instanceof HTMLInputElement)
    return key.startsWith("Arrow") || key.startsWith("Page") || key === "Home" || key === "End";
  return target instanceof HTMLButtonElement && (key === " " || key === "Enter");
}
