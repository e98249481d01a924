/** WebGL objects for drawing. */

/** Error of the graphics, with a sentence that the page can show. */
export class GraphicsError extends Error {}

const VERSION = "#version 300 es\n";
const PRECISIONS = ["float", "int", "sampler2D", "sampler2DArray"]
  .map((kind) => `precision highp ${kind};\n`)
  .join("");

/**
 * Return true if passes can draw into textures of half floats.
 *
 * @param {WebGL2RenderingContext} gl
 * @returns {boolean}
 */
export function drawsHalfFloats(gl) {
  const names = ["EXT_color_buffer_float", "EXT_color_buffer_half_float"];
  return names.map((name) => gl.getExtension(name)).some(Boolean);
}

/** A vertex and a fragment shader, linked. */
export class Program {
  /** @type {Map<string, WebGLUniformLocation | null>} */
  #places = new Map();

  /**
   * Compile and link two texts; a version line in them is replaced.
   *
   * @param {WebGL2RenderingContext} gl
   * @param {string} vertex
   * @param {string} fragment
   * @throws {GraphicsError} the driver refuses them.
   */
  constructor(gl, vertex, fragment) {
    this.gl = gl;
    this.id = gl.createProgram();
    for (const [kind, text] of /** @type {const} */ ([
      [gl.VERTEX_SHADER, vertex],
      [gl.FRAGMENT_SHADER, fragment],
    ])) {
      const shader = gl.createShader(kind);
      if (!shader) throw new GraphicsError("The graphics driver has gone.");
      gl.shaderSource(shader, VERSION + PRECISIONS + text.replace(/^#version.*\n/, ""));
      gl.compileShader(shader);
      gl.attachShader(this.id, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(this.id);
  }

  /**
   * Return true if the driver has finished compiling; without the extension, asking waits.
   *
   * @param {KHR_parallel_shader_compile | null} extension
   * @returns {boolean}
   */
  finished(extension) {
    if (!extension) return true;
    return this.gl.getProgramParameter(this.id, extension.COMPLETION_STATUS_KHR);
  }

  /**
   * Check that the program can be used.
   *
   * @throws {GraphicsError} the driver refuses it.
   */
  check() {
    const { gl, id } = this;
    if (gl.getProgramParameter(id, gl.LINK_STATUS) || gl.isContextLost()) return;
    const logs = (gl.getAttachedShaders(id) ?? []).map((shader) => gl.getShaderInfoLog(shader));
    const log = [...logs, gl.getProgramInfoLog(id)].filter(Boolean).join(" ");
    throw new GraphicsError(`The graphics driver refuses a shader: ${log.slice(0, 300)}`);
  }

  use() {
    this.gl.useProgram(this.id);
  }

  /**
   * Return the location of a uniform; null if the program has none of that name.
   *
   * @param {string} name
   * @returns {WebGLUniformLocation | null}
   */
  place(name) {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.gl.getUniformLocation(this.id, name);
      this.#places.set(name, place);
    }
    return place;
  }

  close() {
    this.gl.deleteProgram(this.id);
  }
}

/**
 * Create and bind a texture, unfiltered and clamped; `target` is `TEXTURE_2D` or
 * `TEXTURE_2D_ARRAY`.
 *
 * @param {WebGL2RenderingContext} gl
 * @param {number} target
 * @returns {WebGLTexture}
 */
export function newTexture(gl, target) {
  const texture = gl.createTexture();
  gl.bindTexture(target, texture);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  return texture;
}

/**
 * Bind a texture to a texture unit.
 *
 * @param {WebGL2RenderingContext} gl
 * @param {number} unit
 * @param {number} target
 * @param {WebGLTexture | null} texture
 */
export function bindTexture(gl, unit, target, texture) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(target, texture);
}
