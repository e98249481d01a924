/** Sound on the page: its button, its volume, and the gesture that browsers wait for. */

import { element, say, unsay } from "../controls.js";
import { DataError } from "../scene/errors.js";
import { loadSound } from "../scene/loading.js";
import { clamp } from "../look.js";
import { RATE } from "./opus.js";
import { Player } from "./player.js";
import { FASTEST, PictureDelay, SLOWEST, ahead } from "./schedule.js";

/** @typedef {import("../picture/warp.js").Picture} Picture */
/** @typedef {import("../scene/description.js").File} File */
/** @typedef {import("../view.js").View} View */

const STEP = 0.1;
const REMEMBERED = "nerv360 sound";
const GESTURES = /** @type {const} */ (["pointerdown", "pointerup", "keydown", "touchend"]);
const PATIENCE_MS = 5000;
const GOES_ON = "The clip goes on without sound.";
const NO_DEVICE = `No sound device answers. ${GOES_ON}`;

/** Sound of the page's clip. */
export class Sound {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Player | null} */
  #player = null;
  #failed = false;
  /** @type {Picture | null} */
  #shown = null;
  #delay = new PictureDelay();
  #waiting = 0;

  /**
   * @param {View} view
   * @param {File} file
   */
  constructor(view, file) {
    this.view = view;
    this.file = file;
    const { volume, muted } = remembered();
    this.volume = volume;
    this.muted = muted;
    this.button = element("sound", HTMLButtonElement);
    this.slider = element("volume", HTMLInputElement);
    this.button.hidden = this.slider.hidden = false;
    this.slider.addEventListener("input", () => this.#change(Number(this.slider.value) / 100));
    for (const name of GESTURES) document.addEventListener(name, () => this.#wake(), { passive: true });
    this.#show();
  }

  /** Whether sound is heard at the speed of the playback. */
  get audible() {
    const { speed } = this.view.playback;
    return SLOWEST <= speed && speed <= FASTEST;
  }

  /** Switch it on or off. */
  toggle() {
    this.muted = !this.muted;
    this.#remember();
  }

  /**
   * Make it louder (positive) or quieter, and heard.
   *
   * @param {number} steps
   */
  changeVolume(steps) {
    this.#change(Math.round((this.volume + steps * STEP) * 100) / 100);
  }

  /**
   * Play what is due, in time with the pictures.
   *
   * @param {number} now
   */
  follow(now) {
    const { playback, camera, left } = this.view;
    const { picture } = left.decoding;
    const { speed, loop, duration, seconds } = playback;
    const playing = playback.playing && !playback.held;
    const due = { seconds, time: now, playing, speed, loop, duration };
    if (playing && picture && picture !== this.#shown) {
      // A slow browser takes a while until here.
      const late = (performance.now() - now) / 1000;
      this.#delay.add(ahead(due, seconds, picture.frame / playback.fps) / speed + late);
    }
    this.#shown = picture;
    due.seconds -= this.#delay.seconds * speed;
    const volume = this.muted || this.#failed ? 0 : this.volume;
    this.#player?.follow(due, camera.look(), volume).catch(() => {
      this.#fail(`This browser cannot decode ${this.file.file}.`);
    });
  }

  /** Start what browsers start only after a gesture, and whatever they have stopped since. */
  #wake() {
    if (this.muted || this.#failed) return;
    if (!this.#context) this.#begin();
    const context = this.#context;
    if (!context || context.state === "running") return;
    context.resume().catch(() => {}); // it stays as it is
    window.clearTimeout(this.#waiting);
    this.#waiting = window.setTimeout(() => {
      if (context.state !== "running") say(NO_DEVICE);
    }, PATIENCE_MS);
  }

  #begin() {
    try {
      this.#context = new AudioContext({ sampleRate: RATE });
      this.#player = new Player(this.#context);
    } catch {
      return this.#fail("This browser cannot play the clip's sound.");
    }
    this.#context.addEventListener("statechange", () => {
      if (this.#context?.state === "running") unsay(NO_DEVICE);
      this.#show();
    });
    this.#context.addEventListener("error", () => this.#fail("The sound device has gone away."));
    void this.#load(this.#player);
  }

  /** @param {Player} player */
  async #load(player) {
    try {
      await loadSound(this.file, (part) => player.take(part));
      player.source.arrived(true);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.#fail(error.message);
    }
  }

  /** @param {string} sentence */
  #fail(sentence) {
    if (this.#failed) return;
    this.#failed = true;
    say(`${sentence} ${GOES_ON}`);
    this.#show();
  }

  /** @param {number} volume */
  #change(volume) {
    this.volume = clamp(volume, 0, 1);
    this.muted = false;
    this.#remember();
  }

  #remember() {
    const { volume, muted } = this;
    try {
      localStorage.setItem(REMEMBERED, JSON.stringify({ volume, muted }));
    } catch {
      // Some browsers keep nothing for a page.
    }
    this.#wake();
    this.#show();
    this.view.wake();
  }

  #show() {
    const on = !this.muted && !this.#failed;
    const waits = on && this.#context?.state !== "running";
    document.documentElement.classList.toggle("silent", !on || waits);
    this.button.disabled = this.slider.disabled = this.#failed;
    this.button.setAttribute("aria-pressed", String(on));
    this.button.title = waits ? "Sound begins when you touch the page" : "";
    this.slider.value = String(Math.round(100 * this.volume));
  }
}

/**
 * Return what was chosen on an earlier visit.
 *
 * @returns {{volume: number, muted: boolean}}
 */
function remembered() {
  try {
    const { volume, muted } = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
    const known = typeof volume === "number" && volume >= 0 && volume <= 1;
    return { volume: known ? volume : 1, muted: muted === true };
  } catch {
    return { volume: 1, muted: false };
  }
}
