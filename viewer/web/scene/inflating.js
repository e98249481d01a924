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
    if (done) return joined(parts);
    length += value.length;
    parts.push(value);
    if (length <= most) continue;
    await reader.cancel();
    throw new DataError(`a stream of it holds more than the ${most} bytes that its shape needs`);
  }
}

/**
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
