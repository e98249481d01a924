/**
 * Coded tensors of a scene file, made of whole numbers and their differences, as in
 * `model/scene/coding/packing.py`. No DOM.
 */

import { DataError } from "./errors.js";
import { unpackedStream } from "./lzma.js";

const CODING = 1;
const MAX_LOW_BITS = 8;
const BLOCK = 4096;
/** Limit for the values of one coded tensor. */
const MAX_VALUES = 2 ** 29;

/**
 * A series of frames, each of `size` bytes, one after the other.
 *
 * @typedef {{frames: number, size: number, levels: Uint8Array}} Series
 */

/**
 * Unpack bytes of the shape frames×channels×rows×columns.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {Series}
 * @throws {DataError} it is not a coded tensor of that shape.
 */
export function unpackedSeries(coded, shape) {
  return sums(unpackedStream(content(coded), count(shape)), shape);
}

/**
 * Unpack levels of embeddings frames×channels×rows×columns, and the value of each level for each
 * channel.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {{series: Series, values: Float32Array}}
 * @throws {DataError} it is not a coded tensor of such embeddings.
 */
export function unpackedEmbeddings(coded, shape) {
  const data = content(coded);
  const known = (data[0] ?? 0) + 1;
  const [values, stream] = table(data.subarray(1), shape[1] * known);
  const series = sums(unpackedStream(stream, count(shape)), shape);
  const largest = series.levels.reduce((most, level) => (level > most ? level : most), 0);
  if (largest >= known)
    throw new DataError(`it has the level ${largest}, though its table has only ${known}`);
  return { series, values };
}

/**
 * Unpack weights of this shape.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {Float32Array}
 * @throws {DataError} it is not a coded tensor of such weights.
 */
export function unpackedWeights(coded, shape) {
  const data = content(coded);
  const low = data[0] ?? 0;
  if (low > MAX_LOW_BITS) throw new DataError(`it has ${low} low bits, at most 8 are known`);
  const [scales, stream] = table(data.subarray(1), shape[0]);
  const total = count(shape);
  const bytes = unpackedStream(stream, low ? 2 * total : total);
  const row = total / shape[0];
  return Float32Array.from({ length: total }, (_, i) => {
    const number = ((bytes[i] << 24) >> 24) * (1 << low) + (low ? bytes[total + i] : 0);
    return number * scales[Math.floor(i / row)];
  });
}

/**
 * Count the values of a shape.
 *
 * @param {number[]} shape
 * @returns {number}
 * @throws {DataError} there are none, or too many.
 */
export function count(shape) {
  const values = shape.reduce((product, side) => product * side, 1);
  if (!(values >= 1 && values <= MAX_VALUES))
    throw new DataError(`its size ${shape.join("×")} is not 1 to ${MAX_VALUES} values`);
  return values;
}

/**
 * @param {Uint8Array} coded
 * @returns {Uint8Array}
 */
function content(coded) {
  if (coded[0] !== CODING)
    throw new DataError(`its coding is ${coded[0] ?? "none"}, this page knows coding ${CODING}`);
  return coded.subarray(1);
}

/**
 * Return the first `length` float values, and the bytes after them.
 *
 * @param {Uint8Array} data
 * @param {number} length
 * @returns {[Float32Array, Uint8Array]}
 */
function table(data, length) {
  if (data.length < 4 * length) throw new DataError("it ends too early");
  const view = new DataView(data.buffer, data.byteOffset, 4 * length);
  const values = Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i, true));
  if (!values.every(Number.isFinite)) throw new DataError("its table is not finite");
  return [values, data.subarray(4 * length)];
}

/**
 * Restore bytes from their differences: in the first frame to the left neighbour, in the others to
 * the same pixel of the frame before. The latter are stored pixel by pixel.
 *
 * @param {Uint8Array} differences
 * @param {number[]} shape
 * @returns {Series}
 */
function sums(differences, shape) {
  const [frames, ...rest] = shape;
  const size = rest.reduce((product, side) => product * side, 1);
  const columns = rest[rest.length - 1];
  const levels = new Uint8Array(frames * size);
  for (let i = 0; i < size; i++)
    levels[i] = differences[i] + (i % columns === 0 ? 0 : levels[i - 1]);
  const later = frames - 1;
  // Blocks of pixels that fit into a CPU's cache.
  for (let begin = 0; begin < size; begin += BLOCK) {
    const end = Math.min(begin + BLOCK, size);
    for (let frame = 0; frame < later; frame++) {
      const [before, now] = [frame * size, (frame + 1) * size];
      let from = size + begin * later + frame;
      for (let i = begin; i < end; i++, from += later)
        levels[now + i] = levels[before + i] + differences[from];
    }
  }
  return { frames, size, levels };
}
