/** Looking around in a headset, by WebXR. */

import { lookFromRotation, turned, wrapYaw } from "./look.js";
import { Words } from "./picture/words.js";

/** @typedef {import("./input/keymap.js").Action} Action */
/** @typedef {import("./look.js").Frustum} Frustum */
/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("./look.js").Rotation} Rotation */
/** @typedef {import("./view.js").View} View */

/** Seconds that a thumbstick jumps in the clip. */
const JUMP_S = 5;
const PUSHED = 0.7;
/** Index of the button that leaves, B or Y, among a controller's. */
const LEAVE = 5;
const SLOWEST_RATE = 72;
/** A slice that ends within a frame is seen at the next one. */
const FRAMES_A_SLICE = 1.3;
const LARGEST_TANGENT = Math.tan(1.45);

/**
 * Return the rotation of a WebXR pose in the page's axes.
 *
 * @param {ArrayLike<number>} matrix - of the pose, by columns: right, up, back.
 * @param {number} turn - angle that is added to its yaw.
 * @returns {Rotation}
 */
export function rotationOfPose(matrix, turn) {
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  return [0, 4, 8].flatMap((first) => {
    const sign = first === 8 ? -1 : 1;
    const [x, y, z] = [-matrix[first + 2], matrix[first + 1], -matrix[first]];
    return [x * cosine + z * sine, y, z * cosine - x * sine].map((value) => sign * value);
  });
}

/**
 * Return the tangents of a projection's edges: left, right, lower, upper.
 *
 * @param {ArrayLike<number>} projection - by columns.
 * @returns {number[]}
 */
export function tangentsOf(projection) {
  const [width, height] = [1 / projection[0], 1 / projection[5]];
  const [x, y] = [projection[8] / projection[0], projection[9] / projection[5]];
  return [x - width, x + width, y - height, y + height];
}

/**
 * Return the look of a head, as wide as what both eyes see, and its aspect.
 *
 * @param {Rotation} rotation - of the head.
 * @param {Frustum[]} frusta - of the eyes.
 * @returns {{look: Look, aspect: number}}
 */
export function lookOfHead(rotation, frusta) {
  let [x, y] = [0, 0];
  for (const { rotation: eye, tangents } of frusta)
    for (const right of tangents.slice(0, 2))
      for (const up of tangents.slice(2)) {
        const direction = turned(eye, [right, up, 1]);
        const [across, above, ahead] = [0, 3, 6].map((axis) =>
          direction.reduce((sum, value, i) => sum + value * rotation[axis + i], 0),
        );
        const depth = Math.max(ahead, 1e-6);
        x = Math.max(x, Math.abs(across) / depth);
        y = Math.max(y, Math.abs(above) / depth);
      }
  x = Math.min(x, LARGEST_TANGENT);
  return { look: lookFromRotation(rotation, 2 * Math.atan(x)), aspect: x / Math.min(y, LARGEST_TANGENT) };
}

/**
 * Return true if there is a headset here.
 *
 * @returns {Promise<boolean>}
 */
export async function hasHeadset() {
  const { xr } = /** @type {any} */ (navigator);
  return Boolean(await xr?.isSessionSupported("immersive-vr").catch(() => false));
}

/** A headset that shows a view. */
export class Headset {
  /** @type {any} */
  #session = null;
  /** @type {any} */
  #layer = null;
  /** @type {any} */
  #space = null;
  /** @type {Words | null} */
  #words = null;
  /** Angle from the headset's direction of its space to the page's. */
  #turn = NaN;
  /** Yaw to start with, or to come back to. */
  #home = 0;
  /** Whether the thumbstick or the button was pushed before. */
  #pushed = false;

  /**
   * @param {View} view
   * @param {(action: Action) => void} act
   * @param {(sentence: string) => void} tell - called after it starts or ends, with the reason if it
   *     cannot be used, or an empty text.
   * @param {() => string} message - returns what the page says.
   */
  constructor(view, act, tell, message) {
    this.view = view;
    this.act = act;
    this.tell = tell;
    this.message = message;
  }

  /** Whether the view is in the headset. */
  get on() {
    return this.#session !== null;
  }

  /** Show the view in the headset, or leave it. */
  async toggle() {
    if (this.#session) return this.leave();
    const { xr } = /** @type {any} */ (navigator);
    try {
      const session = await xr.requestSession("immersive-vr");
      session.addEventListener("end", () => this.#ended());
      this.#session = session;
      await this.#start(session, /** @type {any} */ (globalThis).XRWebGLLayer);
    } catch (error) {
      this.leave();
      console.error(error);
      this.tell("This browser does not let the page show its video in the headset.");
    }
  }

  /** Leave the headset. */
  leave() {
    void this.#session?.end().catch(() => this.#ended());
  }

  /**
   * @param {any} session
   * @param {any} Layer
   */
  async #start(session, Layer) {
    const { view } = this;
    const gl = /** @type {any} */ (view.gl);
    await gl.makeXRCompatible();
    this.#layer = new Layer(session, gl, { alpha: false, antialias: false, depth: false });
    session.updateRenderState({ baseLayer: this.#layer });
    this.#space = await session.requestReferenceSpace("local");
    this.#words = new Words(view.gl, view.description.shaders["whole.vert"]);
    this.#home = view.camera.yaw.offset;
    this.#turn = NaN;
    session.addEventListener("select", () => this.act("play"));
    session.addEventListener("squeeze", () => {
      this.#home = 0;
      this.#turn = NaN;
    });
    const frame = 1000 / (session.frameRate ?? SLOWEST_RATE);
    view.present(FRAMES_A_SLICE * frame);
    session.requestAnimationFrame(this.#frame);
    this.tell("");
  }

  #ended() {
    if (!this.#session) return;
    this.#words?.close();
    this.#session = this.#layer = this.#space = this.#words = null;
    this.view.presentOnPage();
    this.tell("");
  }

  /**
   * Show one frame.
   *
   * @param {number} now
   * @param {any} frame
   */
  #frame = (now, frame) => {
    const session = this.#session;
    if (!session) return;
    session.requestAnimationFrame(this.#frame);
    this.#control(session);
    const pose = frame.getViewerPose(this.#space);
    if (!pose) return;
    if (Number.isNaN(this.#turn)) {
      const facing = lookFromRotation(rotationOfPose(pose.transform.matrix, 0), 1).yaw;
      this.#turn = wrapYaw(this.#home - facing);
    }
    const { framebuffer } = this.#layer;
    const eyes = pose.views.map((/** @type {any} */ eye) => {
      const { x, y, width, height } = this.#layer.getViewport(eye);
      const rotation = rotationOfPose(eye.transform.matrix, this.#turn);
      const frustum = { rotation, tangents: tangentsOf(eye.projectionMatrix) };
      return { frustum, target: { framebuffer, viewport: [x, y, width, height] } };
    });
    const frusta = eyes.map((/** @type {{frustum: Frustum}} */ { frustum }) => frustum);
    const rotation = rotationOfPose(pose.transform.matrix, this.#turn);
    this.view.turnInHeadset(now, { ...lookOfHead(rotation, frusta), frusta }, eyes);
    this.#words?.draw(this.message(), rotation, eyes);
  };

  /**
   * Do what the controllers' thumbsticks and buttons ask for.
   *
   * @param {any} session
   */
  #control(session) {
    const { playback } = this.view;
    let [push, leaves] = [0, false];
    for (const { gamepad } of session.inputSources) {
      push += gamepad?.axes[2] ?? 0;
      leaves ||= Boolean(gamepad?.buttons[LEAVE]?.pressed);
    }
    const pushed = leaves || Math.abs(push) > PUSHED;
    if (pushed && !this.#pushed) {
      if (leaves) return this.leave();
      playback.seek(playback.frame + Math.sign(push) * JUMP_S * playback.fps);
    }
    this.#pushed = pushed;
  }
}
