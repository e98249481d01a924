/** The overlay of the page: numbers, timeline, buttons, keys and messages. */

import { degrees } from "./look.js";
import { KEYMAP } from "./input/keymap.js";

/** @typedef {import("./input/keymap.js").Action} Action */
/** @typedef {import("./input/keymap.js").Need} Need */
/** @typedef {import("./input/playback.js").Playback} Playback */
/** @typedef {import("./look.js").Look} Look */

const NOTE_MS = 3000;
const NUMBERS_MS = 250;
const SPOKEN_MS = 1000;

/**
 * Get the page's element with this id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {{new (): T}} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page lacks ${id}`);
  return found;
}

/**
 * Format seconds as minutes and seconds.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * Format milliseconds, as seconds if there are many.
 *
 * @param {number} ms
 * @returns {string}
 */
export function duration(ms) {
  return ms < 2000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Values of the overlay's numbers.
 *
 * @typedef {{display: number, decode: number, latency: number, look: Look, decoder: string}} Numbers
 */

/** Panels of the page. They request actions and show given values. */
export class Controls {
  #numbersAt = 0;
  #hiding = 0;
  #late = 0;
  #spokenAt = 0;

  /**
   * @param {Playback} playback
   * @param {(action: Action) => void} act
   * @param {() => void} wake
   * @param {ReadonlySet<Need | undefined>} offers - what the scene has.
   */
  constructor(playback, act, wake, offers) {
    this.playback = playback;
    this.wake = wake;
    this.play = element("play", HTMLButtonElement);
    this.clock = element("clock", HTMLSpanElement);
    this.timeline = element("timeline", HTMLInputElement);
    this.keys = element("keys", HTMLDialogElement);
    this.timeline.max = String(playback.frames - 1);
    for (const [id, action] of /** @type {[string, Action][]} */ ([
      ["play", "play"],
      ["sound", "mute"],
      ["record", "record"],
      ["flip", "decoder"],
      ["split", "split"],
      ["help", "keys"],
      ["full", "fullscreen"],
    ]))
      element(id, HTMLButtonElement).addEventListener("click", () => act(action));
    this.timeline.addEventListener("input", () => {
      playback.seek(Number(this.timeline.value));
      wake();
    });
    document.addEventListener("fullscreenchange", () => {
      const pressed = String(document.fullscreenElement !== null);
      element("full", HTMLButtonElement).setAttribute("aria-pressed", pressed);
    });
    const list = element("key-list", HTMLDListElement);
    for (const { label, text } of KEYMAP.filter(({ needs }) => !needs || offers.has(needs)))
      for (const [kind, content] of [
        ["dt", label],
        ["dd", text],
      ]) {
        const line = document.createElement(kind);
        line.textContent = content;
        list.append(line);
      }
  }

  /**
   * Draw a tick on the timeline at each of some frames.
   *
   * @param {number[]} frames
   */
  showTicks(frames) {
    const last = Math.max(this.playback.frames - 1, 1);
    const lines = frames.map((frame) => `M${frame / last} 0V1`);
    document.querySelector("#ticks path")?.setAttribute("d", lines.join(""));
  }

  /**
   * Show the decoder's name, with a button for the next decoder if there is one.
   *
   * @param {string} decoder
   * @param {number} count
   */
  showDecoder(decoder, count) {
    const flip = element("flip", HTMLButtonElement);
    flip.hidden = element("split", HTMLButtonElement).hidden = count < 2;
    flip.setAttribute("aria-label", `Decoder ${decoder}: show the next one`);
    element("decoder-name", HTMLSpanElement).textContent = decoder;
  }

  /**
   * Show how long a recording has gone on, in a button that ends it.
   *
   * @param {import("./input/recorder.js").Recorder} recorder
   */
  showRecording({ on, elapsed }) {
    const button = element("record", HTMLButtonElement);
    button.hidden = !on;
    if (on) set(element("recorded", HTMLSpanElement), clock(elapsed));
  }

  /**
   * Show the names of a comparison's two sides and the divider; nothing of one side.
   *
   * @param {string[]} names
   * @param {number} divider - share of the width.
   */
  showSides(names, divider) {
    const compares = names.length > 1;
    for (const [index, id] of ["side-left", "side-right"].entries()) {
      const side = element(id, HTMLElement);
      side.hidden = !compares;
      side.textContent = names[index] ?? "";
    }
    element("divider", HTMLElement).hidden = !compares;
    element("split", HTMLButtonElement).ariaPressed = String(compares);
    this.placeDivider(divider);
  }

  /** @param {number} share - of the width. */
  placeDivider(share) {
    const divider = element("divider", HTMLElement);
    divider.ariaValueNow = (100 * share).toFixed(0);
    document.documentElement.style.setProperty("--divider", `${100 * share}%`);
  }

  /** Show the position in the clip. */
  showPlace() {
    const { playback } = this;
    const place = `${clock(playback.seconds)} / ${clock(playback.duration)}`;
    set(this.clock, place);
    if (this.timeline.value !== String(playback.frame))
      this.timeline.value = String(playback.frame);
    const text = `frame ${playback.frame} of ${playback.frames}, ${place}`;
    // Assistive technology may speak each change.
    const now = performance.now();
    if (!playback.playing || now - this.#spokenAt > SPOKEN_MS) {
      this.#spokenAt = now;
      this.timeline.setAttribute("aria-valuetext", text);
    }
    document.documentElement.classList.toggle("plays", playback.playing);
    const label = playback.playing ? "Pause" : "Play";
    if (this.play.ariaLabel !== label) this.play.ariaLabel = label;
  }

  /**
   * Update the numbers, a few times per second.
   *
   * @param {number} now
   * @param {() => Numbers} numbers
   */
  showNumbers(now, numbers) {
    if (now - this.#numbersAt < NUMBERS_MS) return this.#showLater();
    this.#numbersAt = now;
    const { display, decode, latency, look, decoder } = numbers();
    if (display || decode) this.#showLater();
    const rate = decode ? `${decode.toFixed(decode < 10 ? 1 : 0)} fps` : "at rest";
    const { playback } = this;
    const place = `yaw ${degrees(look.yaw).toFixed(1)}°, pitch ${degrees(look.pitch).toFixed(1)}°`;
    for (const [id, text] of [
      ["display", display ? `${display.toFixed(0)} fps` : "at rest"],
      ["decode", latency ? `${rate}, ${duration(latency)}` : "–"],
      ["look", `${place}, ${degrees(look.hfov).toFixed(1)}° wide`],
      ["frame", `${playback.frame} of ${playback.frames}, ${playback.speed}×`],
      ["decoder", decoder],
    ])
      set(element(id, HTMLElement), text);
  }

  /** Update the numbers later, in case nothing is drawn from now on. */
  #showLater() {
    this.#late ||= window.setTimeout(() => {
      this.#late = 0;
      this.wake();
    }, NUMBERS_MS);
  }

  /** Show or hide the keys. */
  toggleKeys() {
    if (!this.keys.open) {
      this.keys.showModal();
      this.keys.scrollTop = 0;
      return;
    }
    this.keys.close();
    // The hidden button would take the next key.
    const { activeElement } = document;
    if (activeElement instanceof HTMLElement && this.keys.contains(activeElement))
      activeElement.blur();
  }

  /**
   * Show that a decoder is being loaded; an empty name hides it.
   *
   * @param {string} decoder
   */
  showLoading(decoder) {
    showLoading(decoder && `Loading the decoder ${decoder}…`);
  }

  /**
   * Show a note for a few seconds.
   *
   * @param {string} sentence
   */
  note(sentence) {
    const note = element("note", HTMLElement);
    note.textContent = sentence;
    note.hidden = false;
    window.clearTimeout(this.#hiding);
    this.#hiding = window.setTimeout(() => {
      note.hidden = true;
    }, NOTE_MS);
  }
}

/**
 * Show what is being loaded; an empty text hides it.
 *
 * @param {string} text
 */
export function showLoading(text) {
  const loading = element("loading", HTMLElement);
  loading.hidden = text === "";
  if (text) set(loading, text);
}

/** @type {string[]} */
let said = [];

/**
 * Show an error message until it is closed, below those shown already.
 *
 * @param {string} sentence
 */
export function say(sentence) {
  show([...said.filter((each) => each !== sentence), sentence]);
  element("dismiss", HTMLButtonElement).onclick = () => unsay();
}

/**
 * Hide an error message, or all.
 *
 * @param {string} [sentence]
 */
export function unsay(sentence) {
  show(sentence === undefined ? [] : said.filter((each) => each !== sentence));
}

/**
 * Return what is said now: errors, or a note.
 *
 * @returns {string}
 */
export function message() {
  const note = element("note", HTMLElement);
  return said.join("\n") || (note.hidden ? "" : (note.textContent ?? ""));
}

/** @param {string[]} sentences */
function show(sentences) {
  said = sentences;
  element("sentence", HTMLElement).textContent = said.join("\n");
  element("message", HTMLElement).hidden = said.length === 0;
}

/**
 * @param {HTMLElement} where
 * @param {string} text
 */
function set(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
