/** Decodes pictures by drawing a plan's passes, in slices that leave time for the display. */

import { DEFAULT_HFOV, rotationOf } from "../look.js";
import { toHalf } from "../scene/tensors.js";
import { conditionsOf } from "./conditions.js";
import { contains, seenCrop } from "./crops.js";
import { GraphicsError, Program, bindTexture, newTexture } from "./gl.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("../scene/coding.js").Series} Series */
/** @typedef {import("../scene/loading.js").Unpacked} Unpacked */
/** @typedef {import("../scene/decoder_file.js").Embeddings} Embeddings */
/** @typedef {import("../scene/decoder_file.js").Plan} Plan */
/** @typedef {import("../scene/decoder_file.js").PlanMap} PlanMap */
/** @typedef {import("../scene/decoder_file.js").PlanPass} PlanPass */
/** @typedef {import("./crops.js").Crop} Crop */
/** @typedef {import("./warp.js").Picture} Picture */
/**
 * Uniforms of a view: rotation, tangents of half its fields of view, and its crop, if any.
 *
 * @typedef {{rotation: number[], extent: number[], crop: Crop | null}} Seen
 */

/** Limit for the bytes of all textures of one decoder. */
const MAX_TEXTURE_BYTES = 2 ** 30;
const TEXEL_BYTES = { features: 8, bytes: 4, embedding: 8, colours: 4, grey: 1 };
const MATRIX_BYTES = 64;
/** Work of a pass without weights, in matrices per texel. */
const PLAIN_WORK = 8;

/** A decoder whose pictures are drawn, of one chapter at a time. */
export class Decoder {
  /** @type {Map<string, WebGLTexture>} */
  #textures = new Map();
  /** @type {Map<string, WebGLFramebuffer>} */
  #framebuffers = new Map();
  /** @type {Float32Array} */
  #affines = new Float32Array(0);
  /** Frame with finished maps; −1 while they are being drawn. */
  #frame = -1;
  /**
   * Crop of that frame with finished maps.
   *
   * @type {Crop | null}
   */
  #crop = null;
  /**
   * Textures of pictures, and those that nobody shows.
   *
   * @type {WebGLTexture[]}
   */
  #pictures = [];
  /** @type {WebGLTexture[]} */
  #free = [];
  /** @type {Program[]} */
  programs = [];
  /** @type {Embeddings[]} */
  embeddings = [];
  /** @type {Series | null} */
  motion = null;
  /**
   * The chapter in use.
   *
   * @type {Unpacked | null}
   */
  chapter = null;
  /**
   * Its still panorama.
   *
   * @type {WebGLTexture | null}
   */
  still = null;
  /** @type {WebGLBuffer | null} */
  buffer = null;
  /** @type {WebGLTexture | null} */
  weights = null;

  /**
   * Start compiling a plan's programs, and create its textures. A chapter must follow by `use`.
   *
   * @param {WebGL2RenderingContext} gl
   * @param {Plan} plan
   * @param {string} vertex - text of the shader that covers a target.
   * @throws {GraphicsError} the graphics cannot draw it.
   */
  constructor(gl, plan, vertex) {
    this.gl = gl;
    this.plan = plan;
    this.maps = new Map(plan.maps.map((map) => [map.name, map]));
    this.#checkLimits();
    try {
      for (const { source } of plan.programs) this.programs.push(new Program(gl, vertex, source));
      for (const map of plan.maps)
        if (map.kind !== "colours" && map.name !== plan.picture)
          this.#textures.set(map.name, this.#texture(map));
      this.#map(plan.picture);
      this.buffer = gl.createBuffer();
      this.weights = newTexture(gl, gl.TEXTURE_2D);
    } catch (error) {
      this.close();
      throw error;
    }
    const begins = [...new Set(plan.passes.map((pass) => pass.weights)), plan.weights.length / 16];
    /** Work of one row of each pass. */
    this.work = plan.passes.map(({ program, weights, width }) => {
      const { block, texture } = plan.programs[program];
      const end = Math.min(...begins.filter((begin) => begin > weights));
      return width * (block || (texture ? end - weights : PLAIN_WORK));
    });
    const horizon = this.#seenCrop({ yaw: 0, pitch: 0, roll: 0, hfov: DEFAULT_HFOV });
    /** Work of one picture at the horizon. */
    this.total = plan.passes.reduce((sum, pass, i) => {
      const [height, share] = this.#extent(pass, horizon);
      return sum + height * share * this.work[i];
    }, 0);
  }

  /** Number of frames of the chapter. */
  get frames() {
    return this.embeddings[0].series.frames;
  }

  /** Width over height of its pictures. */
  get aspect() {
    return this.plan.size[1] / this.plan.size[0];
  }

  /**
   * Decode frames of a chapter from now on.
   *
   * @param {Unpacked} chapter
   * @param {WebGLTexture} still - its still panorama.
   * @throws {GraphicsError} it needs other programs than those compiled.
   */
  use(chapter, still) {
    const { plan } = chapter;
    if (drawn(plan) !== drawn(this.plan))
      throw new GraphicsError("This chapter's decoder is drawn in another way than the first one's.");
    this.plan = plan;
    this.embeddings = chapter.embeddings;
    this.motion = chapter.motion;
    this.chapter = chapter;
    this.still = still;
    for (const { kind, name } of plan.maps) if (kind === "colours") this.#textures.set(name, still);
    this.#frame = -1;
    this.#crop = null;
    this.#storeWeights();
  }

  /**
   * Return true if the driver has compiled all programs; does not wait.
   *
   * @returns {boolean}
   * @throws {GraphicsError} the driver refuses a shader.
   */
  ready() {
    const extension = this.gl.getExtension("KHR_parallel_shader_compile");
    if (!this.programs.every((program) => program.finished(extension))) return false;
    for (const program of this.programs) program.check();
    return true;
  }

  /**
   * Decode a picture, yielding whenever the work returned by `budget` has been given to the driver.
   *
   * @param {number} frame
   * @param {Look} look - level.
   * @param {() => number} budget
   * @returns {Generator<void, Picture, void>}
   */
  *decode(frame, look, budget) {
    const { plan } = this;
    const rotation = rotationOf(look);
    const tangent = Math.tan(look.hfov / 2);
    const wanted = this.#seenCrop(look);
    const seen = { rotation, extent: [tangent, tangent / this.aspect], crop: wanted };
    const local = frame - (this.chapter?.first ?? 0);
    if (plan.conditions)
      this.#affines = conditionsOf(plan.conditions, local, this.frames, look);
    const texture = this.#free.pop() ?? this.#newPicture();
    this.#textures.set(plan.picture, texture);
    /** @type {[string, Plan["bands"][number]][]} */
    const moments = plan.bands.map((band) => ["band", band]);
    moments.push(["picture", {}]);
    if (frame !== this.#frame) {
      this.#frame = -1;
      this.#give(local);
      moments.unshift(["frame", {}]);
    }
    if (wanted && plan.crops) {
      const { columns } = plan.crops;
      const kept = frame === this.#frame && this.#crop && contains(this.#crop, wanted, columns);
      if (kept) seen.crop = this.#crop;
      else {
        this.#crop = null;
        moments.unshift(["crop", {}]);
      }
    }
    let left = budget();
    for (const [moment, band] of moments) {
      for (const [index, pass] of plan.passes.entries()) {
        if (pass.moment !== moment) continue;
        const [height, share] = this.#extent(pass, seen.crop);
        const [first, end] = band[pass.target] ?? [0, height];
        const work = share * this.work[index];
        for (let row = first; row < end; ) {
          const rows = Math.min(end - row, Math.max(1, Math.floor(left / work)));
          this.#draw(pass, band, [row, row + rows], Math.round(share * pass.width), seen);
          row += rows;
          left -= rows * work;
          if (left <= 0) {
            yield;
            left = budget();
          }
        }
      }
      if (moment === "frame") this.#frame = frame;
      if (moment === "crop") this.#crop = seen.crop;
    }
    const [height, width] = plan.size;
    return { texture, width, height, look, sphere: plan.full_frame, frame };
  }

  /**
   * Decode into a picture's texture again, because it is no longer shown.
   *
   * @param {Picture} picture
   */
  release({ texture }) {
    this.#free.push(texture);
  }

  /** Free the graphics memory. */
  close() {
    const { gl } = this;
    const textures = new Set(this.#pictures);
    for (const [name, texture] of this.#textures)
      if (this.#map(name).kind !== "colours") textures.add(texture);
    for (const texture of [...textures, this.weights]) gl.deleteTexture(texture);
    for (const framebuffer of this.#framebuffers.values()) gl.deleteFramebuffer(framebuffer);
    for (const program of this.programs) program.close();
    gl.deleteBuffer(this.buffer);
  }

  /**
   * Return the crop that a look sees; null if no pass is drawn in crops.
   *
   * @param {Look} look
   * @returns {Crop | null}
   */
  #seenCrop(look) {
    return this.plan.crops && seenCrop(this.plan.crops, look, this.aspect);
  }

  /**
   * Return the rows of a pass, and the share of its columns, that are drawn in a crop.
   *
   * @param {PlanPass} pass
   * @param {Crop | null} crop
   * @returns {[number, number]}
   */
  #extent({ moment, height }, crop) {
    const { crops } = this.plan;
    if (moment !== "crop" || !crops || !crop) return [height, 1];
    return [(height * crop.height) / crops.height, crop.width / crops.width];
  }

  /**
   * Draw some rows of a pass.
   *
   * @param {PlanPass} pass
   * @param {Plan["bands"][number]} band
   * @param {[number, number]} rows - of the whole target.
   * @param {number} width - of the columns to draw.
   * @param {Seen} seen
   */
  #draw(pass, band, [row, end], width, { rotation, extent, crop }) {
    const { gl, plan } = this;
    const program = this.programs[pass.program];
    const { block, texture, targets } = plan.programs[pass.program];
    const target = this.#map(pass.target);
    const first = target.banded ? band[pass.target][0] : 0;
    program.use();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#framebuffer(pass, target, targets));
    gl.viewport(0, 0, width, target.height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, row - first, width, end - row);
    gl.colorMask(!pass.alpha, !pass.alpha, !pass.alpha, true);
    gl.uniform1i(program.place("first"), first);
    let unit = 0;
    for (const [sampler, name] of Object.entries(pass.reads)) {
      const map = this.#map(name);
      bindTexture(gl, unit, targetOf(gl, map), this.#textureOf(name));
      gl.uniform1i(program.place(sampler), unit++);
      gl.uniform1i(program.place(`${sampler}_first`), map.banded ? band[name][0] : 0);
    }
    for (const [name, value] of Object.entries(pass.integers))
      gl.uniform1i(program.place(name), value);
    if (block)
      gl.bindBufferRange(
        gl.UNIFORM_BUFFER, 0, this.buffer, pass.weights * MATRIX_BYTES, block * MATRIX_BYTES,
      ); // prettier-ignore
    if (texture) {
      bindTexture(gl, unit, gl.TEXTURE_2D, this.weights);
      gl.uniform1i(program.place("weights"), unit);
      gl.uniform1i(program.place("matrix"), pass.weights);
    }
    if (pass.affine) {
      const [vector, count] = pass.affine;
      const vectors = this.#affines.subarray(4 * vector, 4 * (vector + count));
      gl.uniform4fv(program.place("affine"), vectors);
    }
    if (pass.learnt) gl.uniform4fv(program.place("learnt"), pass.learnt);
    gl.uniformMatrix3fv(program.place("look"), false, rotation);
    gl.uniform2fv(program.place("half_extent"), extent);
    if (crop)
      gl.uniform4i(program.place("crop"), crop.left, crop.top, crop.width, crop.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.colorMask(true, true, true, true);
    gl.disable(gl.SCISSOR_TEST);
  }

  /**
   * Upload a frame's embeddings and motion to their maps.
   *
   * @param {number} frame - of the chapter.
   */
  #give(frame) {
    const { gl } = this;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    for (const { map: name, channels, series, values } of this.embeddings) {
      const { height, width, layers } = this.#map(name);
      const levels = series.levels.subarray(frame * series.size, (frame + 1) * series.size);
      const halves = Uint16Array.from(values, toHalf);
      const known = values.length / channels;
      const pixels = height * width;
      const texels = new Uint16Array(4 * layers * pixels);
      for (let channel = 0; channel < channels; channel++) {
        const [from, table] = [channel * pixels, channel * known];
        let to = (channel >> 2) * 4 * pixels + (channel & 3);
        for (let i = 0; i < pixels; i++, to += 4) texels[to] = halves[table + levels[from + i]];
      }
      bindTexture(gl, 0, gl.TEXTURE_2D_ARRAY, this.#textureOf(name));
      gl.texSubImage3D(
        gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, width, height, layers, gl.RGBA, gl.HALF_FLOAT, texels,
      ); // prettier-ignore
    }
    for (const map of this.plan.maps) {
      if (map.kind !== "grey" || !this.motion) continue;
      const { levels, size } = this.motion;
      bindTexture(gl, 0, gl.TEXTURE_2D, this.#textureOf(map.name));
      gl.texSubImage2D(
        gl.TEXTURE_2D, 0, 0, 0, map.width, map.height, gl.RED, gl.UNSIGNED_BYTE,
        levels.subarray(frame * size, (frame + 1) * size),
      ); // prettier-ignore
    }
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
  }

  /**
   * @param {PlanPass} pass
   * @param {PlanMap} target
   * @param {number} targets
   * @returns {WebGLFramebuffer}
   */
  #framebuffer(pass, target, targets) {
    const { gl } = this;
    const picture = pass.target === this.plan.picture;
    const of = picture ? this.#pictures.indexOf(this.#textureOf(pass.target)) : "";
    const key = `${pass.target} ${pass.layer} ${targets} ${of}`;
    const known = this.#framebuffers.get(key);
    if (known) return known;
    const made = gl.createFramebuffer();
    this.#framebuffers.set(key, made);
    gl.bindFramebuffer(gl.FRAMEBUFFER, made);
    const texture = this.#textureOf(pass.target);
    const attachments = Array.from({ length: targets }, (_, k) => gl.COLOR_ATTACHMENT0 + k);
    for (const [k, attachment] of attachments.entries())
      if (target.kind === "bytes")
        gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, texture, 0);
      else gl.framebufferTextureLayer(gl.FRAMEBUFFER, attachment, texture, 0, pass.layer + k);
    gl.drawBuffers(attachments);
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE)
      throw new GraphicsError("The graphics here cannot draw into textures of half floats.");
    return made;
  }

  /**
   * @param {PlanMap} map
   * @returns {WebGLTexture}
   */
  #texture(map) {
    const { gl } = this;
    const target = targetOf(gl, map);
    const texture = newTexture(gl, target);
    if (target === gl.TEXTURE_2D_ARRAY) {
      gl.texStorage3D(target, 1, gl.RGBA16F, map.width, map.height, map.layers);
      return texture;
    }
    gl.texStorage2D(target, 1, map.kind === "grey" ? gl.R8 : gl.RGBA8, map.width, map.height);
    if (map.kind === "bytes") {
      gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
      if (this.plan.full_frame) gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.REPEAT);
    }
    return texture;
  }

  /** @returns {WebGLTexture} */
  #newPicture() {
    const texture = this.#texture(this.#map(this.plan.picture));
    this.#pictures.push(texture);
    return texture;
  }

  #storeWeights() {
    const { gl, plan } = this;
    gl.bindBuffer(gl.UNIFORM_BUFFER, this.buffer);
    gl.bufferData(gl.UNIFORM_BUFFER, plan.weights, gl.STATIC_DRAW);
    bindTexture(gl, 0, gl.TEXTURE_2D, this.weights);
    if (plan.programs.some((program) => program.texture)) {
      const [width, row] = [plan.weights_width, 4 * plan.weights_width];
      const height = Math.ceil(plan.weights.length / row);
      const texels = new Float32Array(height * row);
      texels.set(plan.weights);
      gl.texImage2D(
        gl.TEXTURE_2D, 0, gl.RGBA32F, width, height, 0, gl.RGBA, gl.FLOAT, texels,
      ); // prettier-ignore
    }
  }

  #checkLimits() {
    const { gl, plan } = this;
    for (const [name, there] of /** @type {const} */ ([
      ["targets", gl.MAX_DRAW_BUFFERS],
      ["layers", gl.MAX_ARRAY_TEXTURE_LAYERS],
      ["side", gl.MAX_TEXTURE_SIZE],
      ["block_bytes", gl.MAX_UNIFORM_BLOCK_SIZE],
      ["vectors", gl.MAX_FRAGMENT_UNIFORM_VECTORS],
    ]))
      if (!(plan.limits[name] <= gl.getParameter(there)))
        throw new GraphicsError(
          `This decoder needs ${plan.limits[name]} ${name.replace("_", " ")} of the graphics, ` +
            `which offer ${gl.getParameter(there)} here.`,
        );
    let bytes = 0;
    for (const { kind, height, width, layers } of plan.maps) {
      const side = Math.max(height, width);
      if (!(side >= 1 && side <= gl.getParameter(gl.MAX_TEXTURE_SIZE)))
        throw new GraphicsError(`This decoder needs a texture of ${width}×${height}.`);
      bytes += TEXEL_BYTES[kind] * height * width * layers;
    }
    if (!(bytes <= MAX_TEXTURE_BYTES))
      throw new GraphicsError(
        `This decoder needs ${Math.round(bytes / 2 ** 20)} MiB of textures, more than this page ` +
          "asks for.",
      );
  }

  /**
   * @param {string} name
   * @returns {PlanMap}
   */
  #map(name) {
    const map = this.maps.get(name);
    if (!map) throw new GraphicsError(`This decoder's plan has no map ${name}.`);
    return map;
  }

  /**
   * @param {string} name
   * @returns {WebGLTexture}
   */
  #textureOf(name) {
    const texture = this.#textures.get(name);
    if (!texture) throw new GraphicsError(`This decoder's plan has no map ${name}.`);
    return texture;
  }
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {PlanMap} map
 * @returns {number}
 */
function targetOf(gl, { kind }) {
  return kind === "features" || kind === "embedding" ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D;
}

/**
 * Return all that a plan's textures and programs depend on, which chapters have in common.
 *
 * @param {Plan} plan
 * @returns {string}
 */
function drawn({ size, picture, limits, maps, programs, passes, bands, crops, weights }) {
  const shared = passes.map((pass) => ({ ...pass, learnt: pass.learnt !== null }));
  return JSON.stringify([size, picture, limits, maps, programs, shared, bands, crops, weights.length]);
}
