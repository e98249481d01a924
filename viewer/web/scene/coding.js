/**
 * Coded tensors, made of whole numbers and their differences, as in `model/scene/coding/packing.py`,
 * where `deflated` packs them for the page. No DOM.
 */

import { DataError } from "./errors.js";
import { inflated } from "./inflating.js";

const CODING = 2;
const MAX_LOW_BITS = 8;
const MAX_LEVELS = 256;
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
 * @returns {Promise<Series>}
 * @throws {DataError} it is not a coded tensor of that shape.
 */
export async function unpackedSeries(coded, shape) {
  const total = count(shape);
  return sums(spread(await content(coded, most(total)), total), shape);
}

/**
 * Unpack levels of embeddings frames×channels×rows×columns, and the value of each level for each
 * channel.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {Promise<{series: Series, values: Float32Array}>}
 * @throws {DataError} it is not a coded tensor of such embeddings.
 */
export async function unpackedEmbeddings(coded, shape) {
  const total = count(shape);
  const data = await content(coded, 1 + 4 * shape[1] * MAX_LEVELS + most(total));
  const known = (data[0] ?? 0) + 1;
  const [values, rest] = table(data.subarray(1), shape[1] * known);
  const series = sums(spread(rest, total), shape);
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
 * @returns {Promise<Float32Array>}
 * @throws {DataError} it is not a coded tensor of such weights.
 */
export async function unpackedWeights(coded, shape) {
  const total = count(shape);
  const data = await content(coded, 1 + 4 * shape[0] + 2 * total);
  const low = data[0] ?? 0;
  if (low > MAX_LOW_BITS) throw new DataError(`it has ${low} low bits, at most 8 are known`);
  const [scales, rest] = table(data.subarray(1), shape[0]);
  const wanted = low ? 2 * total : total;
  if (rest.length !== wanted)
    throw new DataError(`it holds ${rest.length} bytes, not the ${wanted} that its shape needs`);
  const row = total / shape[0];
  return Float32Array.from({ length: total }, (_, i) => {
    const number = ((rest[i] << 24) >> 24) * (1 << low) + (low ? rest[total + i] : 0);
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
 * Unpack what follows the number of the coding.
 *
 * @param {Uint8Array} coded
 * @param {number} most - most bytes.
 * @returns {Promise<Uint8Array>}
 */
function content(coded, most) {
  if (coded[0] !== CODING)
    throw new DataError(`its coding is ${coded[0] ?? "none"}, this page knows coding ${CODING}`);
  return inflated(coded.subarray(1), most);
}

/**
 * Return the most bytes that `spread` needs for `total` bytes.
 *
 * @param {number} total
 * @returns {number}
 */
function most(total) {
  return 4 + 3 * total;
}

/**
 * Restore `total` bytes, mostly zeros, from the gaps between the others and from these.
 *
 * @param {Uint8Array} data - the number of gaps, the gaps, and the bytes; a gap of 255 goes on.
 * @param {number} total
 * @returns {Uint8Array}
 */
function spread(data, total) {
  const bytes = new Uint8Array(total);
  const head = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const end = data.length < 4 ? NaN : 4 + head.getUint32(0, true);
  let [place, next] = [0, end];
  for (let i = 4; i < end && end <= data.length; i++) {
    place += data[i];
    if (data[i] < 255) bytes[place++] = data[next++];
  }
  // The last gap is followed by the end, not by a byte.
  if (next !== data.length + 1 || place !== total + 1)
    throw new DataError(`it does not hold the ${total} bytes that its shape needs`);
  return bytes;
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
