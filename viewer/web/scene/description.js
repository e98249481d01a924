/** Description of a scene, loaded before everything else: `scene.json`, checked. No DOM. */

import { DataError } from "./errors.js";

const VERSION = 2;
const MAX_SIDE = 16384;
const MAX_FRAMES = 10 ** 6;
/** Limit for the bytes of one file. */
export const MAX_FILE_BYTES = 2 ** 28;

/**
 * A file beside the page; its bytes are 0 if they are not known.
 *
 * @typedef {{file: string, bytes: number}} File
 * @typedef {{name: string, covers: boolean, hfov: [number, number]}} DecoderEntry
 * @typedef {{first: number, still: File | null, motion: (File & {shape: number[]}) | null,
 *   decoders: Record<string, File>}} Chapter - first frame, and files; without those of decoders if
 *   only the server decodes.
 * @typedef {{socket: string, scene: string, prefers: string, gpu: boolean,
 *   decoders: Record<string, {aspect: number, hfov: number[]}>}} Live
 * @typedef {{title: string, licence: string, credit: string, width: number, height: number,
 *   fps: number, frames: number, shaders: Record<string, string>, decoders: DecoderEntry[],
 *   chapters: Chapter[], sound?: File | null, recording: string, live?: Live | null}} Description -
 *   recording has the first lines of a recorded gaze path.
 */

const SHADERS = [
  "camera_rays.vert",
  "equirectangular.glsl",
  "composite.glsl",
  "timewarp.frag",
  "panorama.frag",
  "whole.vert",
];

/**
 * Return the description, with all fields checked.
 *
 * @param {any} value
 * @returns {Description}
 * @throws {DataError} a field is wrong.
 */
export function checkedDescription(value) {
  if (value?.version !== VERSION)
    throw new DataError(`its version is ${value?.version}, this page knows version ${VERSION}`);
  for (const name of ["title", "licence", "credit", "recording"])
    need(typeof value[name] === "string", `its ${name} is not a text`);
  for (const name of ["width", "height"])
    need(isCount(value[name], MAX_SIDE), `its ${name} is not from 1 to ${MAX_SIDE}`);
  need(isCount(value.frames, MAX_FRAMES), `its frames are not 1 to ${MAX_FRAMES}`);
  need(value.fps > 0 && value.fps <= 1000, "its frame rate is not one");
  for (const name of SHADERS)
    need(typeof value.shaders?.[name] === "string", `it lacks the shader ${name}`);
  need(Array.isArray(value.decoders) && value.decoders.length > 0, "it names no decoder");
  for (const decoder of value.decoders) {
    need(typeof decoder?.name === "string", "a decoder of it has no name");
    const [low, high] = Array.isArray(decoder.hfov) ? decoder.hfov : [];
    need(0 < low && low <= high && high < Math.PI, `${decoder.name} has no fields of view`);
  }
  need(Array.isArray(value.chapters) && value.chapters[0]?.first === 0, "it has no first chapter");
  for (const [number, chapter] of value.chapters.entries()) {
    const end = number + 1 < value.chapters.length ? value.chapters[number + 1]?.first : value.frames;
    const frames = end - chapter.first;
    need(isCount(frames, MAX_FRAMES), `its chapter ${number} has no frames`);
    checkChapter(chapter, frames, value);
  }
  if (value.sound) checkFile(value.sound, "the sound");
  if (value.live) checkLive(value.live, value.decoders);
  return value;
}

/**
 * @param {any} chapter
 * @param {number} frames - of the chapter.
 * @param {{decoders: DecoderEntry[], live?: unknown}} description
 */
function checkChapter({ still, motion, decoders }, frames, description) {
  if (still !== null) checkFile(still, "the still panorama");
  if (motion !== null) {
    checkFile(motion, "the motion maps");
    const { shape } = motion;
    const sound = Array.isArray(shape) && shape.length === 4 && shape[0] === frames;
    need(sound && shape.every((side) => isCount(side, MAX_FRAMES)), "its motion has no shape");
  }
  for (const { name, covers } of description.decoders) {
    if (!decoders?.[name] && description.live) continue;
    checkFile(decoders?.[name], `the decoder ${name}`);
    need(!covers || (still && motion), `${name} lacks what it covers`);
  }
}

/**
 * @param {any} live
 * @param {DecoderEntry[]} decoders
 */
function checkLive(live, decoders) {
  const texts = [live.socket, live.scene, live.prefers];
  const sound = texts.every((text) => typeof text === "string") && /^\w+$/.test(live.socket);
  need(sound && typeof live.gpu === "boolean", "its server is not described");
  for (const { name } of decoders) {
    const shape = live.decoders?.[name];
    const [low, high] = Array.isArray(shape?.hfov) ? shape.hfov : [];
    const known = shape?.aspect > 0 && 0 < low && low <= high && high < Math.PI;
    need(known, `its server does not decode ${name}`);
  }
}

/**
 * Return the largest width and height declared in an AVIF file, without unpacking it.
 *
 * @param {Uint8Array} file
 * @returns {{width: number, height: number}}
 * @throws {DataError} it declares none.
 */
export function avifSize(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let [width, height] = [0, 0];
  /** @type {(begin: number, end: number) => void} */
  const walk = (begin, end) => {
    while (begin + 8 <= end) {
      const size = view.getUint32(begin) || end - begin;
      const kind = String.fromCharCode(...file.subarray(begin + 4, begin + 8));
      if (size < 8 || begin + size > end) return;
      if (kind === "meta") walk(begin + 12, begin + size);
      else if (kind === "iprp" || kind === "ipco") walk(begin + 8, begin + size);
      else if (kind === "ispe" && size >= 20) {
        width = Math.max(width, view.getUint32(begin + 12));
        height = Math.max(height, view.getUint32(begin + 16));
      }
      begin += size;
    }
  };
  walk(0, file.length);
  if (!width || !height) throw new DataError("it is not an AVIF picture");
  return { width, height };
}

/**
 * @param {any} entry
 * @param {string} what
 */
function checkFile(entry, what) {
  const named = typeof entry?.file === "string" && /^[\w-][\w.-]*$/.test(entry.file);
  need(named, `it names no file of ${what}`);
  const known = entry.bytes === 0 || isCount(entry.bytes, MAX_FILE_BYTES);
  need(known, `${what} must have at most ${MAX_FILE_BYTES} bytes`);
}

/**
 * @param {unknown} value
 * @param {number} most
 * @returns {boolean}
 */
function isCount(value, most) {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most;
}

/**
 * @param {unknown} condition
 * @param {string} sentence
 */
function need(condition, sentence) {
  if (!condition) throw new DataError(sentence);
}
