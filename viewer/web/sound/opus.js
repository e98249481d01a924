/** Opus in an Ogg file, read as it arrives, and cut into small files. No DOM. */

import { DataError } from "../scene/errors.js";
import { joined } from "../scene/inflating.js";

/** Samples per second of all sound here. */
export const RATE = 48000;
/** Samples decoded before a piece: Opus needs a while to settle. */
const PREROLL = 0.25 * RATE;
const PAGE_BYTES = 27;
const HEAD_BYTES = 19;
const MAX_PACKET = 255 * 255 - 1;
/** Mapping family of each known number of channels; 2 is ambisonics. */
const FAMILIES = new Map([[1, 0], [2, 0], [4, 2]]); // prettier-ignore
/** Milliseconds of a frame by the mode of its packet: speech, both, music. */
const SPEECH_MS = [10, 20, 40, 60];
const BOTH_MS = [10, 20];
const MUSIC_MS = [2.5, 5, 10, 20];
const [FIRST, LAST] = [2, 4];

/** The packets of a file that have arrived. */
export class OpusFile {
  #rest = new Uint8Array(0);
  /**
   * Parts of a packet that the next page continues.
   *
   * @type {Uint8Array[]}
   */
  #open = [];
  #head = new Uint8Array(0);
  #headers = 0;
  /** @type {Uint8Array[]} */
  #packets = [];
  /** First sample of each packet, and the end of the last one. */
  #begins = [0];

  /** Number of channels: 1, 2, or 4 of ambisonics; 0 before the file has begun. */
  get channels() {
    return this.#head[9] ?? 0;
  }

  /** Number of samples that have arrived. */
  get length() {
    return Math.max(this.#begins[this.#packets.length] - this.#skipped, 0);
  }

  /** Number of samples before the first one that is heard. */
  get #skipped() {
    return this.#head.length ? this.#head[10] + 256 * this.#head[11] : 0;
  }

  /**
   * Add the next bytes of the file.
   *
   * @param {Uint8Array} bytes
   * @throws {DataError} it is no Opus in Ogg, or has other channels.
   */
  add(bytes) {
    let data = new Uint8Array(this.#rest.length + bytes.length);
    data.set(this.#rest);
    data.set(bytes, this.#rest.length);
    for (;;) {
      const page = pageOf(data);
      if (!page) break;
      for (const [part, ends] of page.parts) {
        this.#open.push(part);
        if (!ends) continue;
        this.#take(joined(this.#open));
        this.#open = [];
      }
      data = data.subarray(page.length);
    }
    this.#rest = data.slice();
  }

  /**
   * Return a file of its own from which these samples can be decoded.
   *
   * @param {number} start - first sample.
   * @param {number} count - number of samples; what is not there is left out.
   * @returns {{file: Uint8Array<ArrayBuffer>, skip: number}} the file, and the number of samples in
   *   it before `start`.
   */
  piece(start, count) {
    const begin = start + this.#skipped;
    const first = this.#packetAt(begin - PREROLL);
    const end = this.#packetAt(begin + count - 1) + 1;
    const head = this.#head.slice();
    head[10] = head[11] = 0;
    // Not every browser knows ambisonics; as four separate channels they are decoded the same.
    if (this.channels === 4) head[18] = 1;
    const pages = [newPage(head, 0, 0, FIRST), newPage(TAGS, 0, 1, 0)];
    for (let i = first; i < end; i++) {
      const granule = this.#begins[i + 1] - this.#begins[first];
      pages.push(newPage(this.#packets[i], granule, i - first + 2, i === end - 1 ? LAST : 0));
    }
    return { file: joined(pages), skip: begin - this.#begins[first] };
  }

  /** @param {Uint8Array} packet */
  #take(packet) {
    if (packet.length > MAX_PACKET) throw new DataError("it has a packet that is too large");
    this.#headers += 1;
    if (this.#headers === 1) this.#begin(packet);
    if (this.#headers < 3 || packet.length === 0) return;
    this.#packets.push(packet);
    this.#begins.push(this.#begins[this.#begins.length - 1] + samplesOf(packet));
  }

  /** @param {Uint8Array} head */
  #begin(head) {
    const name = String.fromCharCode(...head.subarray(0, 8));
    const family = FAMILIES.get(head[9]);
    const length = family === 0 ? HEAD_BYTES : HEAD_BYTES + 2 + head[9];
    if (name !== "OpusHead" || head.length < HEAD_BYTES) throw new DataError("it is not Opus");
    if (family !== head[18] || head.length < length)
      throw new DataError(`it has ${head[9]} channels of the mapping family ${head[18]}`);
    this.#head = head.slice(0, length);
  }

  /**
   * Return the index of the packet that holds a sample, or of the nearest one.
   *
   * @param {number} sample
   * @returns {number}
   */
  #packetAt(sample) {
    let [low, high] = [0, this.#packets.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#begins[middle] <= sample) low = middle;
      else high = middle;
    }
    return low;
  }
}

/**
 * Return the length of the page with which `data` begins, and the parts of packets in it, each
 * with whether its packet ends there; null if it is not there completely.
 *
 * @param {Uint8Array} data
 * @returns {{length: number, parts: [Uint8Array, boolean][]} | null}
 */
function pageOf(data) {
  if (data.length < PAGE_BYTES) return null;
  if (String.fromCharCode(...data.subarray(0, 4)) !== "OggS") throw new DataError("it is not Ogg");
  const count = data[26];
  const lacing = data.subarray(PAGE_BYTES, PAGE_BYTES + count);
  let at = PAGE_BYTES + count;
  if (lacing.length < count || data.length < at + lacing.reduce((sum, size) => sum + size, 0))
    return null;
  /** @type {[Uint8Array, boolean][]} */
  const parts = [];
  let size = 0;
  for (const [i, length] of lacing.entries()) {
    size += length;
    if (length === 255 && i < count - 1) continue;
    parts.push([data.slice(at, at + size), length < 255]);
    at += size;
    size = 0;
  }
  return { length: at, parts };
}

/**
 * Return the number of samples of a packet (RFC 6716, section 3.1).
 *
 * @param {Uint8Array} packet
 * @returns {number}
 */
function samplesOf(packet) {
  const mode = packet[0] >> 3;
  const ms = mode < 12 ? SPEECH_MS[mode & 3] : mode < 16 ? BOTH_MS[mode & 1] : MUSIC_MS[mode & 3];
  const frames = [1, 2, 2, (packet[1] ?? 0) & 63][packet[0] & 3];
  return (frames * ms * RATE) / 1000;
}

/**
 * Return an Ogg page of one packet.
 *
 * @param {Uint8Array} packet
 * @param {number} granule - the number of samples up to its end.
 * @param {number} index
 * @param {number} flags
 * @returns {Uint8Array}
 */
function newPage(packet, granule, index, flags) {
  const count = Math.floor(packet.length / 255) + 1;
  const page = new Uint8Array(PAGE_BYTES + count + packet.length);
  const view = new DataView(page.buffer);
  page.set(new TextEncoder().encode("OggS"));
  page[5] = flags;
  view.setUint32(6, granule, true);
  view.setUint32(14, 1, true);
  view.setUint32(18, index, true);
  page[26] = count;
  page.fill(255, PAGE_BYTES, PAGE_BYTES + count - 1);
  page[PAGE_BYTES + count - 1] = packet.length % 255;
  page.set(packet, PAGE_BYTES + count);
  view.setUint32(22, checksum(page), true);
  return page;
}

/** Comments of an Opus file: an empty vendor, and no comments. */
const TAGS = new Uint8Array(16);
TAGS.set(new TextEncoder().encode("OpusTags"));

const CRC = Uint32Array.from({ length: 256 }, (_, i) => {
  let value = i << 24;
  for (let bit = 0; bit < 8; bit++) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
  return value;
});

/**
 * @param {Uint8Array} bytes
 * @returns {number}
 */
function checksum(bytes) {
  let sum = 0;
  for (const byte of bytes) sum = (sum << 8) ^ CRC[(sum >>> 24) ^ byte];
  return sum >>> 0;
}
