/** Fetches and unpacks the scene's files. */

import { MAX_FILE_BYTES, avifSize, checkedDescription } from "./description.js";
import { DataError, FetchError } from "./errors.js";
import { joined } from "./inflating.js";

/** @typedef {import("./coding.js").Series} Series */
/** @typedef {import("./decoder_file.js").Embeddings} Embeddings */
/** @typedef {import("./decoder_file.js").Plan} Plan */
/** @typedef {import("./description.js").Description} Description */

/**
 * A decoder's part of a chapter, ready to be drawn, and the chapter's first frame.
 *
 * @typedef {{plan: Plan, embeddings: Embeddings[], motion: Series | null, first: number}} Unpacked
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
  const bytes = await fetched({ file: DESCRIPTION, bytes: 0 }, { most: MAX_DESCRIPTION_BYTES });
  return told(DESCRIPTION, () => {
    try {
      return checkedDescription(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (error) {
      throw error instanceof DataError ? error : new DataError("it is not JSON");
    }
  });
}

/**
 * Load the still panorama of a chapter, with no side above `limit`; null if there is none.
 *
 * @param {Description} description
 * @param {number} chapter
 * @param {number} limit
 * @param {AbortSignal} signal
 * @returns {Promise<ImageBitmap | null>}
 * @throws {DataError} it cannot be fetched, or is damaged.
 */
export async function loadStill({ chapters, width, height }, chapter, limit, signal) {
  const { still } = chapters[chapter];
  if (!still) return null;
  const bytes = await fetched(still, { signal });
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
export async function loadSound(sound, take) {
  await fetched(sound, { take: (part) => told(sound.file, () => take(part)) });
}

/**
 * Load a decoder's part of a chapter.
 *
 * @param {Description} description
 * @param {number} chapter
 * @param {string} name - of the decoder.
 * @param {AbortSignal} signal
 * @returns {Promise<Unpacked>}
 * @throws {DataError} it cannot be fetched, or is damaged.
 */
export async function loadDecoder({ chapters, decoders, frames }, chapter, name, signal) {
  const { first, motion, decoders: files } = chapters[chapter];
  const covers = decoders.some((each) => each.name === name && each.covers);
  const [packed, maps] = await Promise.all([
    fetched(files[name], { signal }),
    covers && motion ? fetched(motion, { signal }) : null,
  ]);
  const { file } = files[name];
  const length = (chapters[chapter + 1]?.first ?? frames) - first;
  const motionShape = motion?.shape ?? null;
  const worker = startedWorker(file);
  try {
    const data = await new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new DataError(`${file} is of no use any more.`)));
      worker.onmessage = (event) => resolve(event.data);
      worker.onerror = () => reject(new DataError(`${file} ${NO_WORKER}`));
      worker.postMessage({ file: packed, frames: length, motion: maps, motionShape });
    });
    if (data.error) throw new DataError(`${file} is damaged: ${data.error}.`);
    return { ...data, first };
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
 * @param {import("./description.js").File} file
 * @param {{signal?: AbortSignal, take?: (part: Uint8Array) => unknown, most?: number}} options - take
 *     gets each part, otherwise all are returned; most is the limit for bytes that are not known.
 * @returns {Promise<Uint8Array>}
 * @throws {DataError} it cannot be fetched, or is of another size.
 */
async function fetched({ file, bytes }, { signal, take, most = MAX_FILE_BYTES }) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(new URL(`../${file}`, import.meta.url), { signal });
  } catch {
    throw new FetchError(`${file} cannot be fetched: the server does not answer.`);
  }
  if (!response.ok || !response.body)
    throw new FetchError(`${file} cannot be fetched: the server answers ${response.status}.`);
  /** @type {Uint8Array[]} */
  const parts = [];
  const each = take ?? ((part) => parts.push(part));
  await readAll(response.body, file, bytes || most, bytes > 0, each);
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
      throw new FetchError(`${file} cannot be fetched: the connection has broken.`);
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
