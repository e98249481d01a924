/** Tensors in safetensors files, of bytes and floats. No DOM. */

import { DataError } from "./errors.js";

const ITEM_BYTES = { U8: 1, F16: 2, F32: 4 };
const MAX_HEADER_BYTES = 2 ** 24;

/** @typedef {keyof typeof ITEM_BYTES} Type */
/** @typedef {{type: Type, shape: number[], bytes: Uint8Array}} Tensor */

/**
 * Read the tensors by name.
 *
 * @param {Uint8Array} file
 * @returns {Map<string, Tensor>}
 * @throws {DataError} it is not a safetensors file, or it is damaged.
 */
export function readTensors(file) {
  if (file.length < 8) throw new DataError("it is too short for its header");
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES || Number(length) > file.length - 8)
    throw new DataError("its header claims more bytes than there are");
  const begin = 8 + Number(length);
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, begin)));
  } catch {
    throw new DataError("its header is not JSON");
  }
  /** @type {Map<string, Tensor>} */
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header ?? {}))
    if (name !== "__metadata__") tensors.set(name, tensorOf(name, entry, file.subarray(begin)));
  return tensors;
}

/**
 * Return the tensor called `name`, which must have one of `types`.
 *
 * @param {Map<string, Tensor>} tensors
 * @param {string} name
 * @param {Type[]} types
 * @returns {Tensor}
 * @throws {DataError} there is no such tensor.
 */
export function tensorCalled(tensors, name, ...types) {
  const tensor = tensors.get(name);
  if (!tensor) throw new DataError(`it lacks the tensor ${name}`);
  if (!types.includes(tensor.type))
    throw new DataError(`its tensor ${name} is of ${tensor.type}, not ${types.join(" or ")}`);
  return tensor;
}

/**
 * Return the values of a tensor of floats.
 *
 * @param {Tensor} tensor
 * @returns {Float32Array}
 */
export function floatsOf({ type, bytes }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / ITEM_BYTES[type];
  if (type === "F32") return Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
  return Float32Array.from({ length: count }, (_, i) => fromHalf(view.getUint16(2 * i, true)));
}

/**
 * Convert the bits of half precision to a number.
 *
 * @param {number} bits
 * @returns {number}
 */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * @param {string} name
 * @param {any} entry
 * @param {Uint8Array} data
 * @returns {Tensor}
 */
function tensorOf(name, entry, data) {
  const type = /** @type {Type} */ (entry?.dtype);
  const [shape, offsets] = [entry?.shape, entry?.data_offsets];
  if (!Object.hasOwn(ITEM_BYTES, type) || !areCounts(shape) || !areCounts(offsets))
    throw new DataError(`its tensor ${name} is not described as one`);
  const size = shape.reduce((product, side) => product * side, ITEM_BYTES[type]);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || end - begin !== size || end > data.length)
    throw new DataError(`its tensor ${name} does not have the bytes that its shape needs`);
  return { type, shape, bytes: data.subarray(begin, end) };
}

/**
 * @param {unknown} value
 * @returns {value is number[]}
 */
function areCounts(value) {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

/**
 * Convert a number to the bits of half precision, rounding to nearest.
 *
 * @param {number} value
 * @returns {number}
 */
export function toHalf(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const step = 2 ** (exponent - 10);
  const steps = size / step;
  const lower = Math.floor(steps);
  const up = steps - lower > 0.5 || (steps - lower === 0.5 && lower % 2 === 1);
  // A carry out of the fraction yields the next exponent.
  return sign | (((exponent + 14) << 10) + lower + (up ? 1 : 0));
}
