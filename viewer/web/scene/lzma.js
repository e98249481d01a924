/**
 * Raw LZMA2 streams as written by `model/scene/coding/packing.py`, without literal and position
 * bits. Never unpacks more bytes than wanted. No DOM.
 */

import { DataError } from "./errors.js";

const STATES = 12;
const LITERAL = 0x300;
const TOP = 2 ** 24;
const DAMAGED = "a stream of it is damaged";

/**
 * Unpack the bytes of a stream.
 *
 * @param {Uint8Array} stream
 * @param {number} count - the required number of bytes.
 * @returns {Uint8Array}
 * @throws {DataError} it is damaged, or holds fewer or more.
 */
export function unpackedStream(stream, count) {
  const output = new Uint8Array(count);
  const decoder = new Decoder(output);
  let place = 0;
  let [known, started] = [false, false];
  for (;;) {
    if (place >= stream.length) throw new DataError(DAMAGED);
    const control = stream[place++];
    if (control === 0) break;
    if (control < 0x80) {
      if (control > 2 || (control === 2 && !started)) throw new DataError(DAMAGED);
      const size = ((stream[place] << 8) | stream[place + 1]) + 1;
      place += 2;
      if (place + size > stream.length) throw new DataError(DAMAGED);
      decoder.copy(stream.subarray(place, place + size), control === 1);
      started = true;
      place += size;
      continue;
    }
    const reset = (control >> 5) & 3;
    const unpacked = (((control & 31) << 16) | (stream[place] << 8) | stream[place + 1]) + 1;
    const packed = ((stream[place + 2] << 8) | stream[place + 3]) + 1;
    place += 4;
    if (reset >= 2) {
      if (stream[place++] !== 0) throw new DataError(DAMAGED); // other properties than ours
      known = true;
    }
    if (!known || (reset < 3 && !started)) throw new DataError(DAMAGED);
    if (place + packed > stream.length) throw new DataError(DAMAGED);
    if (reset === 3) decoder.forget();
    if (reset >= 1) decoder.reset();
    decoder.unpack(stream.subarray(place, place + packed), unpacked);
    started = true;
    place += packed;
  }
  if (place !== stream.length || decoder.length !== count)
    throw new DataError(`a stream of it holds other than the ${count} bytes that its shape needs`);
  return output;
}

/** Lengths of matches, 2 to 273. */
class Lengths {
  constructor() {
    this.choice = new Uint16Array(2);
    this.low = new Uint16Array(8);
    this.middle = new Uint16Array(8);
    this.high = new Uint16Array(256);
  }

  reset() {
    for (const model of [this.choice, this.low, this.middle, this.high]) model.fill(1024);
  }
}

/** Range decoder with the models of LZMA; the output is its dictionary. */
class Decoder {
  /** @param {Uint8Array} output */
  constructor(output) {
    this.output = output;
    this.length = 0;
    this.start = 0;
    /** @type {Uint8Array} */
    this.input = new Uint8Array(0);
    this.place = 0;
    this.range = 0;
    this.code = 0;
    this.isMatch = new Uint16Array(STATES);
    this.isRepeat = new Uint16Array(STATES);
    this.isRepeat0 = new Uint16Array(STATES);
    this.isRepeat1 = new Uint16Array(STATES);
    this.isRepeat2 = new Uint16Array(STATES);
    this.isLong = new Uint16Array(STATES);
    this.literals = new Uint16Array(LITERAL);
    this.slots = new Uint16Array(4 * 64);
    this.distances = new Uint16Array(128);
    this.align = new Uint16Array(16);
    this.matchLengths = new Lengths();
    this.repeatLengths = new Lengths();
    this.state = 0;
    this.repeats = [0, 0, 0, 0];
    this.reset();
  }

  /** Allow no repetition of earlier bytes. */
  forget() {
    this.start = this.length;
  }

  reset() {
    this.state = 0;
    this.repeats = [0, 0, 0, 0];
    for (const model of [
      this.isMatch,
      this.isRepeat,
      this.isRepeat0,
      this.isRepeat1,
      this.isRepeat2,
      this.isLong,
      this.literals,
      this.slots,
      this.distances,
      this.align,
    ])
      model.fill(1024);
    this.matchLengths.reset();
    this.repeatLengths.reset();
  }

  /**
   * Copy bytes that are not packed.
   *
   * @param {Uint8Array} bytes
   * @param {boolean} forget
   */
  copy(bytes, forget) {
    if (forget) this.forget();
    if (this.length + bytes.length > this.output.length) throw new DataError(DAMAGED);
    this.output.set(bytes, this.length);
    this.length += bytes.length;
  }

  /**
   * Unpack one chunk.
   *
   * @param {Uint8Array} input
   * @param {number} count
   */
  unpack(input, count) {
    const end = this.length + count;
    if (end > this.output.length || input.length < 5) throw new DataError(DAMAGED);
    this.input = input;
    this.range = 0xffffffff;
    this.code = ((input[1] << 24) | (input[2] << 16) | (input[3] << 8) | input[4]) >>> 0;
    this.place = 5;
    while (this.length < end) this.#step(end);
    if (this.place !== input.length || this.code !== 0) throw new DataError(DAMAGED);
  }

  /** @param {number} end */
  #step(end) {
    if (!this.#bit(this.isMatch, this.state)) {
      this.#literal();
      return;
    }
    let size = 0;
    const { repeats, state } = this;
    if (!this.#bit(this.isRepeat, state)) {
      size = this.#size(this.matchLengths);
      this.repeats = [this.#distance(size), repeats[0], repeats[1], repeats[2]];
      this.state = state < 7 ? 7 : 10;
    } else if (!this.#bit(this.isRepeat0, state)) {
      if (!this.#bit(this.isLong, state)) {
        size = 1;
        this.state = state < 7 ? 9 : 11;
      }
    } else if (!this.#bit(this.isRepeat1, state)) {
      this.repeats = [repeats[1], repeats[0], repeats[2], repeats[3]];
    } else if (!this.#bit(this.isRepeat2, state)) {
      this.repeats = [repeats[2], repeats[0], repeats[1], repeats[3]];
    } else {
      this.repeats = [repeats[3], repeats[0], repeats[1], repeats[2]];
    }
    if (size === 0) {
      size = this.#size(this.repeatLengths);
      this.state = state < 7 ? 8 : 11;
    }
    const from = this.length - this.repeats[0] - 1;
    if (from < this.start || this.length + size > end) throw new DataError(DAMAGED);
    const output = this.output;
    if (this.repeats[0] + 1 >= size) output.copyWithin(this.length, from, from + size);
    else for (let i = 0; i < size; i++) output[this.length + i] = output[from + i];
    this.length += size;
  }

  #literal() {
    let symbol = 1;
    if (this.state >= 7) {
      const from = this.length - this.repeats[0] - 1;
      if (from < this.start) throw new DataError(DAMAGED);
      let expected = this.output[from];
      do {
        const hint = (expected >> 7) & 1;
        expected <<= 1;
        const bit = this.#bit(this.literals, ((1 + hint) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (hint !== bit) break;
      } while (symbol < 0x100);
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.literals, symbol);
    this.output[this.length++] = symbol;
    this.state = this.state < 4 ? 0 : this.state < 10 ? this.state - 3 : this.state - 6;
  }

  /**
   * @param {Lengths} lengths
   * @returns {number}
   */
  #size(lengths) {
    if (!this.#bit(lengths.choice, 0)) return 2 + this.#tree(lengths.low, 0, 3);
    if (!this.#bit(lengths.choice, 1)) return 10 + this.#tree(lengths.middle, 0, 3);
    return 18 + this.#tree(lengths.high, 0, 8);
  }

  /**
   * @param {number} size - of the match.
   * @returns {number}
   */
  #distance(size) {
    const slot = this.#tree(this.slots, Math.min(size - 2, 3) << 6, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) << bits;
    if (slot < 14) return base + this.#reversed(this.distances, base - slot, bits);
    let high = 0;
    for (let i = 4; i < bits; i++) {
      this.range >>>= 1;
      const bit = this.code >= this.range ? 1 : 0;
      if (bit) this.code -= this.range;
      high = (high << 1) | bit;
      this.#refill();
    }
    return ((base >>> 0) + high * 16 + this.#reversed(this.align, 0, 4)) >>> 0;
  }

  /**
   * @param {Uint16Array} model
   * @param {number} first
   * @param {number} bits
   * @returns {number}
   */
  #tree(model, first, bits) {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(model, first + symbol);
    return symbol - (1 << bits);
  }

  /**
   * @param {Uint16Array} model
   * @param {number} first
   * @param {number} bits
   * @returns {number}
   */
  #reversed(model, first, bits) {
    let [symbol, value] = [1, 0];
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(model, first + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /**
   * @param {Uint16Array} model
   * @param {number} index
   * @returns {number}
   */
  #bit(model, index) {
    const chance = model[index];
    const bound = (this.range >>> 11) * chance;
    let bit = 0;
    if (this.code < bound) {
      this.range = bound;
      model[index] = chance + ((2048 - chance) >> 5);
    } else {
      this.range -= bound;
      this.code -= bound;
      model[index] = chance - (chance >> 5);
      bit = 1;
    }
    this.#refill();
    return bit;
  }

  #refill() {
    if (this.range >= TOP) return;
    this.range = (this.range << 8) >>> 0;
    this.code = ((this.code << 8) | this.input[this.place++]) >>> 0;
  }
}
