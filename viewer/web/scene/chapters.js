/** Chapters of a scene: fetched when they are needed, a few held at a time. */

import { FetchError } from "./errors.js";
import { loadDecoder, loadStill } from "./loading.js";

/** @typedef {import("../picture/warp.js").Still} Still */
/** @typedef {import("./description.js").Description} Description */
/** @typedef {import("./loading.js").Unpacked} Unpacked */

/** Milliseconds until a fetch that has failed is tried again; twice as many after each failure. */
const AGAIN_MS = 2000;
const LONGEST_MS = 30_000;

/**
 * Something that is fetched, and again if the network has failed.
 *
 * @template T
 */
class Fetched {
  /** @type {T | null} */
  value = null;
  /** @type {Error | null} */
  error = null;
  #under = false;
  #after = AGAIN_MS;

  /** Whether it is there, or has failed. */
  get settled() {
    return this.value !== null || this.error !== null;
  }

  /**
   * Fetch it, unless it is there or being fetched.
   *
   * @param {() => Promise<T>} load
   * @param {() => void} changed - called after it has arrived or failed, and when it may be tried again.
   */
  async ask(load, changed) {
    if (this.#under || this.value !== null) return;
    this.#under = true;
    try {
      this.value = await load();
      this.error = null;
      this.#under = false;
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
      if (error instanceof FetchError) {
        setTimeout(() => {
          this.#under = false;
          changed();
        }, this.#after);
        this.#after = Math.min(2 * this.#after, LONGEST_MS);
      }
    }
    changed();
  }
}

/** One chapter that is held. */
class Held {
  /** @type {Fetched<Still | "none">} */
  still = new Fetched();
  /** @type {Map<string, Fetched<Unpacked>>} */
  decoders = new Map();
  abort = new AbortController();
}

/** Still panoramas and decoders of the chapters around the one that is shown. */
export class Chapters {
  /** @type {Map<number, Held>} */
  #held = new Map();

  /**
   * @param {Description} description
   * @param {{show: (bitmap: ImageBitmap) => Still, drop: (still: Still) => void,
   *   largest: number}} stills - makes and frees still panoramas on the graphics card, with no side
   *     above `largest`.
   * @param {() => void} changed - called after something has arrived or failed.
   */
  constructor(description, stills, changed) {
    this.description = description;
    this.stills = stills;
    this.changed = changed;
  }

  /** Number of chapters. */
  get count() {
    return this.description.chapters.length;
  }

  /** Numbers of the chapters that are held. */
  get held() {
    return [...this.#held.keys()].sort((a, b) => a - b);
  }

  /**
   * Return the number of the chapter that has a frame.
   *
   * @param {number} frame
   * @returns {number}
   */
  at(frame) {
    let number = this.count - 1;
    while (number > 0 && this.description.chapters[number].first > frame) number -= 1;
    return number;
  }

  /**
   * Fetch a chapter, its still panorama first, and the next one afterwards. Forget all others but
   * the one before.
   *
   * @param {number} number
   * @param {string[]} decoders - names of those to fetch.
   * @param {boolean} ahead - whether the next chapter is fetched.
   * @param {number[]} shown - numbers of chapters that are still on screen.
   */
  visit(number, decoders, ahead, shown) {
    const next = (number + 1) % this.count;
    const kept = [number, next, number - 1, ...shown];
    for (const each of this.held) if (!kept.includes(each)) this.#drop(each);
    if (this.#fetch(number, decoders) && ahead && next !== number) this.#fetch(next, decoders);
  }

  /**
   * Return the still panorama of a chapter; null if there is none, or not yet.
   *
   * @param {number} number
   * @returns {Still | null}
   */
  still(number) {
    const still = this.#held.get(number)?.still.value;
    return still && still !== "none" ? still : null;
  }

  /**
   * Return a decoder of a chapter; null before it and the chapter's still panorama are there.
   *
   * @param {number} number
   * @param {string} decoder
   * @returns {Unpacked | null}
   */
  unpacked(number, decoder) {
    const held = this.#held.get(number);
    return (held?.still.settled && held.decoders.get(decoder)?.value) || null;
  }

  /**
   * Return true while a chapter's decoders are fetched for the first time.
   *
   * @param {number} number
   * @param {string[]} decoders
   * @returns {boolean}
   */
  awaited(number, decoders) {
    return decoders.some((name) => !this.#held.get(number)?.decoders.get(name)?.settled);
  }

  /**
   * Return why a decoder of a chapter is not there; null if it is, or may come.
   *
   * @param {number} number
   * @param {string} decoder
   * @returns {Error | null}
   */
  error(number, decoder) {
    return this.#held.get(number)?.decoders.get(decoder)?.error ?? null;
  }

  /**
   * Return why a chapter has no still panorama; null if it has, or needs none.
   *
   * @param {number} number
   * @returns {Error | null}
   */
  stillError(number) {
    return this.#held.get(number)?.still.error ?? null;
  }

  /**
   * Forget a decoder that could not be fetched, so that it is tried again if it is asked for.
   *
   * @param {number} number
   * @param {string} decoder
   */
  forget(number, decoder) {
    this.#held.get(number)?.decoders.delete(decoder);
  }

  /** Forget all chapters, because the graphics context is lost. */
  lose() {
    for (const { abort } of this.#held.values()) abort.abort();
    this.#held.clear();
  }

  /** @param {number} number */
  #drop(number) {
    const still = this.still(number);
    this.#held.get(number)?.abort.abort();
    this.#held.delete(number);
    if (still) this.stills.drop(still);
  }

  /**
   * Fetch what a chapter lacks.
   *
   * @param {number} number
   * @param {string[]} decoders
   * @returns {boolean} whether all of it has arrived or failed.
   */
  #fetch(number, decoders) {
    const held = this.#held.get(number) ?? new Held();
    this.#held.set(number, held);
    const { signal } = held.abort;
    const changed = () => {
      if (!signal.aborted) this.changed();
    };
    void held.still.ask(async () => {
      const bitmap = await loadStill(this.description, number, this.stills.largest, signal);
      const still = bitmap && !signal.aborted ? this.stills.show(bitmap) : "none";
      bitmap?.close();
      return still;
    }, changed);
    if (!held.still.settled) return false;
    for (const name of decoders) {
      const decoder = held.decoders.get(name) ?? new Fetched();
      held.decoders.set(name, decoder);
      void decoder.ask(() => loadDecoder(this.description, number, name, signal), changed);
    }
    return !this.awaited(number, decoders);
  }
}
