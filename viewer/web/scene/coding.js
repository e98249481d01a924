/**
 * Coded tensors of a scene file: whole numbers, differences of them, as
 * `model/scene/coding/packing.py` has them. Pure.
 */

import { DataError, unpackedStream } from "./lzma.js";

const CODING = 1;
const MAX_LOW_BITS = 8;
const BLOCK = 4096;
/** Values of one coded tensor: nothing larger is ever allocated. */
const MAX_VALUES = 2 ** 29;

/**
 * A series of frames, each of so many bytes, one after the other.
 *
 * @typedef {{frames: number, size: number, levels: Uint8Array}} Series
 */

/**
 * The bytes of frames×channels×rows×columns.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {Series}
 * @throws {DataError} it is not the coded tensor of so many.
 */
export function unpackedSeries(coded, shape) {
  return sums(unpackedStream(content(coded), count(shape)), shape);
}

/**
 * Levels of embeddings frames×channels×rows×columns, and what each stands for: `values` has as many
 * for each channel.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {{series: Series, values: Float32Array}}
 * @throws {DataError} it is not the coded tensor of such embeddings.
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
 * The weights of a shape.
 *
 * @param {Uint8Array} coded
 * @param {number[]} shape
 * @returns {Float32Array}
 * @throws {DataError} it is not the coded tensor of such weights.
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
 * How many values a shape has.
 *
 * @param {number[]} shape
 * @returns {number}
 * @throws {DataError} none, or absurdly many.
 */
export function count(shape) {
  const values = shape.reduce((product, side) => product * side, 1);
  if (!(values >= 1 && values <= MAX_VALUES))
    throw new DataError(`it would have the absurd size ${shape.join("×")}`);
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
 * So many values, and what follows them.
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
 * Bytes from their differences: of the first frame to the left neighbour, of the others, pixel by
 * pixel, to the frame before.
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
  // Pixels whose series are turned at once: they fit a processor's cache.
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
