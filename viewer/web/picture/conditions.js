/** Conditions of a network's residual blocks, from time and look, as uniforms. No DOM. */

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("../scene/decoder_file.js").Linear} Linear */
/** @typedef {import("../scene/decoder_file.js").LookNetwork} LookNetwork */
/** @typedef {import("../scene/decoder_file.js").PlanConditions} PlanConditions */

/**
 * Compute the scales and shifts of every affine, four channels per vector.
 *
 * @param {PlanConditions} conditions
 * @param {number} frame
 * @param {number} frames
 * @param {Look} look
 * @returns {Float32Array}
 */
export function conditionsOf(conditions, frame, frames, look) {
  const channels = conditions.times.length / frames;
  const time = conditions.times.subarray(frame * channels, (frame + 1) * channels);
  const both = [...time, ...conditions.looks.flatMap((network) => [...embedded(network, look)])];
  const result = new Float32Array(4 * conditions.vectors);
  for (const { first, channels: width, time_alone, gamma, beta } of conditions.affines) {
    const condition = time_alone ? time : both;
    const [scales, shifts] = [head(gamma, condition), head(beta, condition)];
    for (let channel = 0; channel < width; channel++) {
      const at = 4 * (first + 2 * (channel >> 2)) + (channel & 3);
      result[at] = 1 + scales[channel];
      result[at + 4] = shifts[channel];
    }
  }
  return result;
}

/**
 * @param {LookNetwork} network
 * @param {Look} look
 * @returns {Float32Array}
 */
function embedded({ of, encoding, layers }, look) {
  const { kind, base, levels } = encoding;
  let value = of === "yaw" ? look.yaw : look.pitch;
  let factors = Array.from({ length: levels }, (_, i) => i + 1);
  if (kind === "positional") {
    const turns = value / (2 * Math.PI) + 0.5;
    value = of === "yaw" ? turns - Math.floor(turns) : value / Math.PI + 0.5;
    factors = factors.map((_, i) => base ** i * Math.PI);
  }
  const angles = factors.map((factor) => value * factor);
  let x = Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]);
  for (const layer of layers) x = linear(layer, x).map(Math.sin);
  return x;
}

/**
 * @param {Linear[]} layers - with a ReLU between them.
 * @param {ArrayLike<number>} condition
 * @returns {Float32Array}
 */
function head([first, last], condition) {
  return linear(
    last,
    linear(first, condition).map((value) => Math.max(value, 0)),
  );
}

/**
 * @param {Linear} layer
 * @param {ArrayLike<number>} x
 * @returns {Float32Array}
 */
function linear({ weight, bias }, x) {
  return bias.map((start, row) => {
    let sum = start;
    for (let i = 0; i < x.length; i++) sum += weight[row * x.length + i] * x[i];
    return sum;
  });
}
