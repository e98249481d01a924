/** Samples of a clip's sound, decoded piece by piece. No DOM. */

import { RATE } from "./opus.js";
import { Stretcher } from "./stretching.js";

/** @typedef {import("./opus.js").OpusFile} OpusFile */
/** @typedef {import("./schedule.js").Schedule} Schedule */
/** @typedef {import("./stretching.js").Block} Block */

const PIECE = 2 * RATE;
const MOST_PIECES = 4;
const BLOCK = RATE / 5;
/** Samples in which sound ends and begins at the ends of a loop. */
const EDGE = RATE / 500;

/** Decodes a file; what was decoded last is kept. */
export class Source {
  /** @type {Map<number, Promise<Block>>} */
  #pieces = new Map();
  /** @type {(() => void)[]} */
  #waiting = [];
  #complete = false;

  /**
   * @param {OpusFile} file
   * @param {(file: ArrayBuffer) => Promise<Block>} decode
   */
  constructor(file, decode) {
    this.file = file;
    this.decode = decode;
  }

  /**
   * Note that more of the file has arrived.
   *
   * @param {boolean} complete
   */
  arrived(complete) {
    this.#complete = complete;
    for (const go of this.#waiting.splice(0)) go();
  }

  /**
   * Return samples of the clip, silent after the end of the file. It waits until they are there.
   *
   * @param {number} start
   * @param {number} count
   * @returns {Promise<Block>}
   */
  async read(start, count) {
    const first = Math.floor(start / PIECE);
    const last = Math.floor((start + count - 1) / PIECE);
    while (!this.#complete && this.file.length < (last + 1) * PIECE)
      await new Promise((/** @type {(value?: unknown) => void} */ go) => this.#waiting.push(go));
    const made = Array.from({ length: this.file.channels }, () => new Float32Array(count));
    for (let index = first; index <= last; index++) {
      const samples = await this.#piece(index);
      const begin = Math.max(start - index * PIECE, 0);
      const part = samples.map((channel) => channel.subarray(begin, start + count - index * PIECE));
      made.forEach((channel, k) => channel.set(part[k], index * PIECE + begin - start));
    }
    return made;
  }

  /**
   * @param {number} index
   * @returns {Promise<Block>}
   */
  #piece(index) {
    const known = this.#pieces.get(index);
    if (known) return known;
    const count = Math.min(PIECE, this.file.length - index * PIECE);
    const piece = count > 0 ? this.#decoded(index * PIECE, count) : Promise.resolve(this.#silence());
    this.#pieces.set(index, piece);
    piece.catch(() => this.#pieces.delete(index));
    const [oldest] = this.#pieces.keys();
    if (this.#pieces.size > MOST_PIECES) this.#pieces.delete(oldest);
    return piece;
  }

  /**
   * @param {number} start
   * @param {number} count
   * @returns {Promise<Block>}
   */
  async #decoded(start, count) {
    const { file, skip } = this.file.piece(start, count);
    const samples = await this.decode(file.buffer);
    return this.#silence().map((none, k) => samples[k]?.slice(skip, skip + count) ?? none);
  }

  /** @returns {Block} */
  #silence() {
    return Array.from({ length: this.file.channels }, () => new Float32Array(0));
  }
}

/** Blocks of a clip's sound from a position on, at a speed, as they are to be heard. */
export class Blocks {
  #next;
  #length;

  /**
   * @param {Source} source
   * @param {Pick<Schedule, "speed" | "loop" | "duration">} schedule
   * @param {number} seconds - position in the clip.
   */
  constructor(source, { speed, loop, duration }, seconds) {
    this.source = source;
    this.loop = loop;
    this.stretcher = new Stretcher(source.file.channels, speed);
    this.#length = Math.max(Math.round(duration * RATE), 1);
    this.#next = Math.round(seconds * RATE);
  }

  /** @returns {Promise<Block>} */
  async next() {
    return this.stretcher.feed(await this.#read());
  }

  async #read() {
    const start = this.loop ? this.#next % this.#length : this.#next;
    const left = this.#length - start;
    this.#next = start + (this.loop ? Math.min(BLOCK, left) : BLOCK);
    const count = this.#next - start;
    const block = await this.source.read(start, count);
    if (this.loop && (start < EDGE || count === left || left - count < EDGE))
      for (const channel of block)
        channel.forEach((value, i) => {
          const apart = Math.min(start + i, this.#length - start - i) / EDGE;
          if (apart < 1) channel[i] = value * apart;
        });
    else if (!this.loop) for (const channel of block) channel.fill(0, Math.max(left, 0));
    return block;
  }
}
