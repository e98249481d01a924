/** Unpacking of zlib streams by the browser. No DOM. */

import { DataError } from "./errors.js";

/**
 * Unpack the bytes of a zlib stream, and never more than `most`.
 *
 * @param {Uint8Array} packed
 * @param {number} most
 * @returns {Promise<Uint8Array>}
 * @throws {DataError} it is damaged, or holds more.
 */
export async function inflated(packed, most) {
  const stream = new Blob([/** @type {BlobPart} */ (packed)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate"));
  /** @type {Uint8Array[]} */
  const parts = [];
  let length = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read().catch(() => {
      throw new DataError("a stream of it does not unpack");
    });
    if (done) return joined(parts, length);
    length += value.length;
    parts.push(value);
    if (length <= most) continue;
    await reader.cancel();
    throw new DataError(`a stream of it holds more than the ${most} bytes that its shape needs`);
  }
}

/**
 * Join parts of `length` bytes in all.
 *
 * @param {Uint8Array[]} parts
 * @param {number} length
 * @returns {Uint8Array}
 */
export function joined(parts, length) {
  const whole = new Uint8Array(length);
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
