/** Fetches and unpacks the scene's files. */

import { MAX_FILE_BYTES, avifSize, checkedDescription } from "./description.js";
import { DataError } from "./errors.js";
import { joined } from "./inflating.js";

/** @typedef {import("./coding.js").Series} Series */
/** @typedef {import("./decoder_file.js").Embeddings} Embeddings */
/** @typedef {import("./decoder_file.js").Plan} Plan */
/** @typedef {import("./description.js").DecoderEntry} DecoderEntry */
/** @typedef {import("./description.js").Description} Description */

/**
 * A decoder ready to be drawn.
 *
 * @typedef {{plan: Plan, embeddings: Embeddings[], motion: Series | null}} Unpacked
 */

const DESCRIPTION = "scene.json";
const MAX_DESCRIPTION_BYTES = 2 ** 22;
const NO_WORKER = "cannot be unpacked: this browser does not run the page's worker.";
/**
 * Trusted Types policy for the worker's address.
 *
 * @type {any}
 */
let policy;

/**
 * @returns {Promise<Description>}
 * @throws {DataError} it cannot be fetched, or is damaged.
 */
export async function loadDescription() {
  const bytes = await fetched(DESCRIPTION, MAX_DESCRIPTION_BYTES, false);
  return told(DESCRIPTION, () => {
    try {
      return checkedDescription(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (error) {
      throw error instanceof DataError ? error : new DataError("it is not JSON");
    }
  });
}

/**
 * Load the still panorama, with no side above `limit`; null if there is none.
 *
 * @param {Description} description
 * @param {number} limit
 * @returns {Promise<ImageBitmap | null>}
 * @throws {DataError} it cannot be fetched, or is damaged.
 */
export async function loadStill({ still, width, height }, limit) {
  if (!still) return null;
  const bytes = await fetched(still.file, still.bytes, true);
  return told(still.file, async () => {
    const size = avifSize(bytes);
    if (size.width > width || size.height > height)
      throw new DataError(`it has ${size.width}×${size.height} pixels, not ${width}×${height}`);
    const step = Math.ceil(Math.max(size.width, size.height) / limit);
    /** @type {ImageBitmapOptions} */
    const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
    if (step > 1) options.resizeWidth = Math.floor(size.width / step);
    try {
      const blob = new Blob([/** @type {BlobPart} */ (bytes)], { type: "image/avif" });
      return await createImageBitmap(blob, options);
    } catch {
      throw new DataError("this browser cannot unpack it as an AVIF picture");
    }
  });
}

/**
 * Load the clip's sound, and give it to `take` as it arrives.
 *
 * @param {import("./description.js").File} sound
 * @param {(bytes: Uint8Array) => void} take
 * @returns {Promise<void>}
 * @throws {DataError} it cannot be fetched, or is damaged.
 */
export async function loadSound({ file, bytes }, take) {
  await fetched(file, bytes || MAX_FILE_BYTES, bytes > 0, (part) => told(file, () => take(part)));
}

/**
 * @param {Description} description
 * @param {DecoderEntry} decoder
 * @returns {Promise<Unpacked>}
 * @throws {DataError} it cannot be fetched, or is damaged.
 */
export async function loadDecoder({ frames, motion }, decoder) {
  const [file, maps] = await Promise.all([
    fetched(decoder.file, decoder.bytes, true),
    decoder.covers && motion ? fetched(motion.file, motion.bytes, true) : null,
  ]);
  const worker = startedWorker(decoder.file);
  try {
    const data = await new Promise((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data);
      worker.onerror = () => reject(new DataError(`${decoder.file} ${NO_WORKER}`));
      worker.postMessage({ file, frames, motion: maps, motionShape: motion?.shape ?? null });
    });
    if (data.error) throw new DataError(`${decoder.file} is damaged: ${data.error}.`);
    return data;
  } finally {
    worker.terminate();
  }
}

/**
 * Start the worker that unpacks a file.
 *
 * @param {string} file
 * @returns {Worker}
 * @throws {DataError} the browser does not allow it.
 */
function startedWorker(file) {
  const address = new URL("unpacking.js", import.meta.url).href;
  try {
    policy ??= /** @type {any} */ (globalThis).trustedTypes?.createPolicy("nerv360", {
      createScriptURL: (/** @type {string} */ url) => url,
    });
    return new Worker(policy?.createScriptURL(address) ?? address, { type: "module" });
  } catch {
    throw new DataError(`${file} ${NO_WORKER}`);
  }
}

/**
 * Fetch the bytes of a file beside the page.
 *
 * @param {string} file
 * @param {number} most - most bytes.
 * @param {boolean} exactly - whether it must have exactly that many.
 * @param {(part: Uint8Array) => unknown} [take] - takes each part; otherwise all are returned.
 * @returns {Promise<Uint8Array>}
 * @throws {DataError} it cannot be fetched, or is of another size.
 */
async function fetched(file, most, exactly, take) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(new URL(`../${file}`, import.meta.url));
  } catch {
    throw new DataError(`${file} cannot be fetched: the server does not answer.`);
  }
  if (!response.ok || !response.body)
    throw new DataError(`${file} cannot be fetched: the server answers ${response.status}.`);
  /** @type {Uint8Array[]} */
  const parts = [];
  await readAll(response.body, file, most, exactly, take ?? ((part) => parts.push(part)));
  return joined(parts);
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {string} file
 * @param {number} most
 * @param {boolean} exactly
 * @param {(part: Uint8Array) => unknown} take
 */
async function readAll(body, file, most, exactly, take) {
  let length = 0;
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read().catch(() => {
      throw new DataError(`${file} cannot be fetched: the connection has broken.`);
    });
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new DataError(`${file} is damaged: it has more than its ${most} bytes.`);
    }
    await take(value);
  }
  if (exactly && length < most)
    throw new DataError(`${file} is damaged: it has ${length} bytes instead of ${most}.`);
}

/**
 * Return the result of `make`; its errors name the file.
 *
 * @template T
 * @param {string} file
 * @param {() => T | Promise<T>} make
 * @returns {Promise<T>}
 */
async function told(file, make) {
  try {
    return await make();
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    throw new DataError(`${file} is damaged: ${sentence}.`);
  }
}
