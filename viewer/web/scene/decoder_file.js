/** The file of one decoder: its plan, weights and embeddings. No DOM. */

import { count, unpackedEmbeddings, unpackedWeights } from "./coding.js";
import { DataError } from "./errors.js";
import { inflated } from "./inflating.js";
import { floatsOf, readTensors, tensorCalled } from "./tensors.js";

/** @typedef {import("../picture/crops.js").Crops} Crops */
/** @typedef {import("./coding.js").Series} Series */
/** @typedef {import("./tensors.js").Tensor} Tensor */
/** @typedef {Map<string, Tensor>} Tensors */

/** Limit for the bytes of a plan's text. */
const MAX_PLAN_BYTES = 2 ** 25;

/**
 * @typedef {{name: string, kind: "features" | "bytes" | "embedding" | "colours" | "grey",
 *   height: number, width: number, layers: number, banded: boolean, given: boolean}} PlanMap
 * @typedef {{source: string, targets: number, block: number, texture: boolean}} PlanProgram
 * @typedef {{program: number, moment: "frame" | "crop" | "band" | "picture", target: string, layer: number,
 *   height: number, width: number, reads: Record<string, string>,
 *   integers: Record<string, number>, weights: number, affine: [number, number] | null,
 *   learnt: number[] | null, alpha: boolean}} PlanPass
 * @typedef {{weight: Float32Array, bias: Float32Array}} Linear
 * @typedef {{of: "yaw" | "pitch", layers: Linear[],
 *   encoding: {kind: "periodic" | "positional", base: number, levels: number}}} LookNetwork
 * @typedef {{first: number, channels: number, time_alone: boolean, gamma: Linear[],
 *   beta: Linear[]}} Affine
 * @typedef {{vectors: number, times: Float32Array, looks: LookNetwork[],
 *   affines: Affine[]}} PlanConditions
 */

/**
 * A decoder as passes; see `model/shaders/plan.py`.
 *
 * @typedef {{version: number, full_frame: boolean, size: [number, number], picture: string,
 *   maps: PlanMap[], programs: PlanProgram[], passes: PlanPass[],
 *   bands: Record<string, [number, number]>[], weights_width: number, weights: Float32Array,
 *   limits: Record<string, number>, conditions: PlanConditions | null,
 *   crops: Crops | null}} Plan
 */

/**
 * Embeddings of all frames, with the name of their map.
 *
 * @typedef {{map: string, channels: number, series: Series, values: Float32Array}} Embeddings
 */

const VERSION = 2;

/**
 * Unpack a decoder's file.
 *
 * @param {Uint8Array} file
 * @param {number} frames - of the clip.
 * @returns {Promise<{plan: Plan, embeddings: Embeddings[]}>}
 * @throws {DataError} it is damaged.
 */
export async function unpackDecoder(file, frames) {
  const tensors = readTensors(file);
  const packed = tensorCalled(tensors, "plan", "U8").bytes;
  const stored = parsed(new TextDecoder().decode(await inflated(packed, MAX_PLAN_BYTES)));
  if (stored?.version !== VERSION)
    throw new DataError(`its plan has version ${stored?.version}, this page knows ${VERSION}`);
  const weights = await weightsOf(tensors, stored.weights);
  const unpacked = stored.embeddings.map(async (/** @type {any} */ entry) => {
    const { map, tensor, shape } = entry;
    if (shape.length !== 4 || shape[0] !== frames)
      throw new DataError(`its embeddings have the shape ${shape}, not one of ${frames} frames`);
    const coded = tensorCalled(tensors, tensor, "U8").bytes;
    return { map, channels: shape[1], ...(await unpackedEmbeddings(coded, shape)) };
  });
  const embeddings = await Promise.all(unpacked);
  const conditions = await resolved(tensors, stored.conditions);
  return { plan: { ...stored, weights, conditions }, embeddings };
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new DataError("its plan is not JSON");
  }
}

/**
 * Return the matrices of all passes, sixteen numbers each.
 *
 * A segment's first matrices are coded as 4·targets rows, one per output. The remaining matrices of
 * all segments follow one another in another tensor.
 *
 * @param {Tensors} tensors
 * @param {{shape: number[], rest: string,
 *   segments: {tensor: string, first: number, coded: number, targets: number}[]}} stored
 * @returns {Promise<Float32Array>}
 */
async function weightsOf(tensors, { shape, rest, segments }) {
  const weights = new Float32Array(count(shape));
  const others = floatsOf(tensorCalled(tensors, rest, "F16", "F32"));
  let taken = 0;
  for (const [index, { tensor, first, coded, targets }] of segments.entries()) {
    const end = segments[index + 1]?.first ?? shape[0];
    if (!(first >= 0 && coded >= 0 && targets > 0 && first + coded <= end && end <= shape[0]))
      throw new DataError("its weights are not described as such");
    if (coded > 0) {
      const groups = coded / targets;
      const bytes = tensorCalled(tensors, tensor, "U8").bytes;
      const rows = await unpackedWeights(bytes, [4 * targets, 4 * groups]);
      for (let i = 0; i < 16 * coded; i++) {
        const [column, row] = [(i >> 2) & 3, i & 3];
        const [group, target] = [Math.floor((i >> 4) / targets), (i >> 4) % targets];
        weights[16 * first + i] = rows[(4 * target + row) * 4 * groups + 4 * group + column];
      }
    }
    const left = 16 * (end - first - coded);
    weights.set(others.subarray(taken, taken + left), 16 * (first + coded));
    taken += left;
  }
  if (taken !== others.length) throw new DataError("its weights are not as many as their shape");
  return weights;
}

/**
 * Replace descriptions of arrays within `value` by the arrays.
 *
 * @param {Tensors} tensors
 * @param {any} value
 * @returns {Promise<any>}
 */
async function resolved(tensors, value) {
  if (Array.isArray(value)) return Promise.all(value.map((each) => resolved(tensors, each)));
  if (value === null || typeof value !== "object") return value;
  if ("tensor" in value) {
    const stored = tensorCalled(tensors, value.tensor, "U8", "F16", "F32");
    const floats =
      stored.type === "U8" ? await unpackedWeights(stored.bytes, value.shape) : floatsOf(stored);
    if (floats.length !== count(value.shape))
      throw new DataError(`its tensor ${value.tensor} is not of the shape ${value.shape}`);
    return floats;
  }
  const entries = Object.entries(value).map(async ([name, each]) => [
    name,
    await resolved(tensors, each),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}
