/** Sound at another speed, with its pitch kept. No DOM. */

import { RATE } from "./opus.js";

const HOP = RATE / 100;
/** Most samples by which a part is moved, so that its waves continue those before. */
const MOST_MOVED = RATE / 100;
const STRIDE = 4;

/** @typedef {Float32Array[]} Block - samples of each channel. */

/**
 * Changes the speed of sound, block after block, by overlapping parts that fit (WSOLA). What comes
 * out is as long as what went in, divided by the speed.
 */
export class Stretcher {
  /**
   * Samples that are still needed.
   *
   * @type {Block}
   */
  #held;
  /** Place of the first of them. */
  #first = 0;
  /** Place where the last part continues. */
  #next = 0;
  #hops = 0;
  /** @type {Block | null} */
  #tail = null;

  /**
   * @param {number} channels
   * @param {number} speed
   */
  constructor(channels, speed) {
    this.speed = speed;
    this.#held = Array.from({ length: channels }, () => new Float32Array(0));
  }

  /**
   * Return the samples that `block` completes.
   *
   * @param {Block} block
   * @returns {Block}
   */
  feed(block) {
    if (this.speed === 1) return block;
    this.#held = this.#held.map((before, k) => appended(before, block[k]));
    /** @type {Block[]} */
    const parts = [];
    for (;;) {
      const due = Math.round(this.#hops * HOP * this.speed);
      const end = this.#first + this.#held[0].length;
      if (Math.max(due + MOST_MOVED, this.#next) + 2 * HOP > end) break;
      parts.push(this.#hop(due));
      this.#forget(Math.min(this.#next, Math.round(this.#hops * HOP * this.speed) - MOST_MOVED));
    }
    return this.#held.map((_, k) => {
      const made = new Float32Array(parts.length * HOP);
      parts.forEach((part, i) => made.set(part[k], i * HOP));
      return made;
    });
  }

  /**
   * Return the samples of one hop: the end of the last part, faded into the next one.
   *
   * @param {number} due - place that is due.
   * @returns {Block}
   */
  #hop(due) {
    const place = this.#tail ? this.#fitting(due) : due;
    const begin = place - this.#first;
    const tail = this.#tail;
    const made = this.#held.map((samples, k) =>
      Float32Array.from({ length: HOP }, (_, i) => {
        const share = tail ? 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / HOP) : 1;
        return share * samples[begin + i] + (tail ? (1 - share) * tail[k][i] : 0);
      }),
    );
    this.#tail = this.#held.map((samples) => samples.slice(begin + HOP, begin + 2 * HOP));
    this.#next = place + HOP;
    this.#hops += 1;
    return made;
  }

  /**
   * Return the place near `due` whose samples are most like those that would come next.
   *
   * @param {number} due
   * @returns {number}
   */
  #fitting(due) {
    const [wanted, offset] = [this.#next - this.#first, due - this.#first];
    const likeness = (/** @type {number} */ moved, /** @type {number} */ stride) => {
      let [product, energy] = [0, 1e-9];
      for (const samples of this.#held.length === 4 ? this.#held.slice(0, 1) : this.#held)
        for (let i = 0; i < HOP; i += stride) {
          const value = samples[offset + moved + i];
          product += value * samples[wanted + i];
          energy += value * value;
        }
      return product / Math.sqrt(energy);
    };
    const best = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ stride) => {
      let [place, most] = [0, -Infinity];
      for (let moved = Math.max(low, -offset); moved <= high; moved += stride) {
        const like = likeness(moved, stride);
        if (like > most) [place, most] = [moved, like];
      }
      return place;
    };
    const near = best(-MOST_MOVED, MOST_MOVED, STRIDE);
    return due + best(Math.max(near - STRIDE, -MOST_MOVED), Math.min(near + STRIDE, MOST_MOVED), 1);
  }

  /** @param {number} place - before which no sample is needed. */
  #forget(place) {
    const count = place - this.#first;
    if (count <= 0) return;
    this.#held = this.#held.map((samples) => samples.slice(count));
    this.#first = place;
  }
}

/**
 * @param {Float32Array} one
 * @param {Float32Array} other
 * @returns {Float32Array}
 */
function appended(one, other) {
  const both = new Float32Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
