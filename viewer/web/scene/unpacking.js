/** Worker that unpacks one decoder's file and ends. */

import { unpackDecoder } from "./decoder_file.js";
import { unpackedSeries } from "./coding.js";

/**
 * Input: the files' bytes, and the shape of the motion maps, if any.
 *
 * @typedef {{file: Uint8Array, frames: number, motion: Uint8Array | null,
 *   motionShape: number[] | null}} Packed
 */

self.addEventListener("message", async ({ data }) => {
  const { file, frames, motion, motionShape } = /** @type {Packed} */ (data);
  try {
    const unpacked = await unpackDecoder(file, frames);
    const maps = motion && motionShape ? await unpackedSeries(motion, motionShape) : null;
    const buffers = unpacked.embeddings.map(({ series }) => series.levels.buffer);
    if (maps) buffers.push(maps.levels.buffer);
    postMessage({ ...unpacked, motion: maps }, { transfer: buffers });
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
