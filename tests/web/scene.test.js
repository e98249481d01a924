import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync } from "node:zlib";

import { clock } from "../../viewer/web/controls.js";
import { Pace } from "../../viewer/web/picture/decoding.js";
import { count, unpackedSeries } from "../../viewer/web/scene/coding.js";
import { avifSize, checkedDescription } from "../../viewer/web/scene/description.js";
import { DataError } from "../../viewer/web/scene/errors.js";
import { inflated } from "../../viewer/web/scene/inflating.js";
import { readTensors, tensorCalled } from "../../viewer/web/scene/tensors.js";
import { degrees } from "../../viewer/web/look.js";
import { startOf } from "../../viewer/web/start.js";

const raw = (...bytes) => new Uint8Array(bytes);

/** A safetensors file of one tensor. */
function file(entry, data) {
  const header = new TextEncoder().encode(JSON.stringify({ it: entry }));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return raw(...length, ...header, ...data);
}

test("a stream unpacks to its bytes, and to no more than asked for", async () => {
  const packed = deflateSync(raw(7, 8, 9));
  assert.deepEqual([...(await inflated(packed, 3))], [7, 8, 9]);
  await assert.rejects(inflated(packed, 2), /more than the 2 bytes/);
  const bomb = deflateSync(new Uint8Array(2 ** 26));
  await assert.rejects(inflated(bomb, 1000), /more than the 1000 bytes/);
});

test("streams that end early or are spoilt are damaged", async () => {
  const packed = deflateSync(raw(7, 8, 9));
  const spoilt = Uint8Array.from(packed);
  spoilt[spoilt.length - 1] ^= 1;
  // Browsers refuse bytes after the end, too; Node does not.
  for (const stream of [raw(), packed.subarray(0, -1), raw(3, 4, 5), spoilt])
    await assert.rejects(inflated(stream, 9), DataError);
});

test("absurd sizes are refused before anything is allocated, and others must be true", async () => {
  await assert.rejects(unpackedSeries(raw(2), [2 ** 30, 1, 2 ** 20, 2 ** 20]), /its size .* is not 1 to/);
  assert.throws(() => count([0, 3]), DataError);
  await assert.rejects(unpackedSeries(raw(9, 0), [1, 1, 1, 1]), /coding is 9/);
  const series = (...bytes) => unpackedSeries(raw(2, ...deflateSync(raw(...bytes))), [1, 1, 1, 3]);
  assert.deepEqual([...(await series(2, 0, 0, 0, 1, 1, 5)).levels], [0, 5, 5]);
  for (const wrong of [
    [], [1, 0], [1, 0, 0, 0], [1, 0, 0, 0, 1], [2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 1, 5, 5],
    [2, 0, 0, 0, 1, 2, 5], [2, 0, 0, 0, 1, 0, 5], [9, 0, 0, 0, 1, 1, 5], [255, 255, 255, 255, 1, 5],
    [4, 0, 0, 0, 255, 255, 0, 1, 5],
  ])
    await assert.rejects(series(...wrong), DataError, `${wrong}`);
});

test("a tensor has the bytes that its shape needs", () => {
  const entry = { dtype: "U8", shape: [3], data_offsets: [0, 3] };
  const tensors = readTensors(file(entry, [1, 2, 3]));
  assert.deepEqual([...tensorCalled(tensors, "it", "U8").bytes], [1, 2, 3]);
  assert.throws(() => tensorCalled(tensors, "it", "F32"), /is of U8, not F32/);
  assert.throws(() => tensorCalled(tensors, "that", "U8"), /lacks the tensor that/);
  for (const wrong of [
    { ...entry, shape: [4] }, { ...entry, data_offsets: [0, 4] }, { ...entry, dtype: "I64" },
    { ...entry, shape: [-3] }, { ...entry, shape: "3" }, null,
  ])
    assert.throws(() => readTensors(file(wrong, [1, 2, 3])), DataError);
  assert.throws(() => readTensors(raw(255, 255, 255, 255, 0, 0, 0, 0)), /more bytes than there are/);
  assert.throws(() => readTensors(raw(1, 2)), DataError);
});

test("a description is believed only where all of it can be true", () => {
  const names = ["camera_rays.vert", "equirectangular.glsl", "composite.glsl", "timewarp.frag"];
  const shaders = Object.fromEntries([...names, "panorama.frag", "whole.vert"].map((n) => [n, "text"]));
  const chapter = {
    first: 0, still: { file: "still.avif", bytes: 100 },
    motion: { file: "motion.bin", bytes: 9, shape: [4, 1, 6, 12] },
    decoders: { hnerv: { file: "hnerv.safetensors", bytes: 7 } },
  };
  const decoder = { name: "hnerv", covers: true, hfov: [1, 1.2] };
  const sound = {
    version: 2, title: "Pier", licence: "", credit: "", recording: "", width: 96, height: 48, fps: 20, frames: 4,
    shaders, decoders: [decoder], chapters: [chapter],
  };
  const of = (...changed) => ({ ...sound, chapters: changed.map((each) => ({ ...chapter, ...each })) });
  const motion = (frames) => ({ ...chapter.motion, shape: [frames, 1, 6, 12] });
  const halves = [{ motion: motion(3) }, { first: 3, motion: motion(1) }];
  for (const right of [sound, of(...halves), of({ still: { file: "still.avif", bytes: 0 } })])
    assert.equal(checkedDescription(right), right);
  for (const wrong of [
    null, { ...sound, version: 1 }, { ...sound, frames: 0 }, { ...sound, frames: 1e9 },
    { ...sound, width: 2 ** 20 }, { ...sound, fps: "fast" }, { ...sound, shaders: {} },
    { ...sound, decoders: [] }, { ...sound, decoders: [{ ...decoder, hfov: [2, 1] }] },
    of(), of({ first: 1 }), of({}, {}), of({}, { first: 3 }), of(...halves, { first: 9 }), of(...halves, {}),
    of({ still: { file: "../etc/passwd", bytes: 1 } }), of({ still: { file: "//elsewhere.org", bytes: 1 } }),
    of({ still: null }), of({ still: { file: "still.avif", bytes: 2 ** 40 } }), of({ motion: motion(5) }),
    of({ decoders: {} }), of({ decoders: { hnerv: { file: "hnerv.safetensors", bytes: -1 } } }),
  ])
    assert.throws(() => checkedDescription(wrong), DataError);
});

test("an AVIF's size is known before it is unpacked", () => {
  const box = (kind, ...content) => {
    const size = 8 + content.length;
    return [0, 0, size >> 8, size & 255, ...new TextEncoder().encode(kind), ...content];
  };
  const ispe = box("ispe", 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4, 0);
  const meta = box("meta", 0, 0, 0, 0, ...box("iprp", ...box("ipco", ...ispe)));
  assert.deepEqual(avifSize(raw(...box("ftyp", 1, 2), ...meta)), { width: 2048, height: 1024 });
  for (const wrong of [[], [1, 2, 3], box("ftyp", 1, 2), [255, 255, 255, 255, 1, 1, 1, 1]])
    assert.throws(() => avifSize(raw(...wrong)), DataError);
});

test("a link says where to look, as far as it can", () => {
  const { look, frame, decoder } = startOf("#yaw=190&pitch=95&hfov=5&frame=3&decoder=hnerv", 4, ["hnerv"]);
  const shown = [look.yaw, look.pitch, look.roll, look.hfov].map((v) => Math.round(degrees(v)));
  assert.deepEqual([shown, frame, decoder], [[-170, 90, 0, 30], 3, "hnerv"]);
  const huge = startOf("#yaw=1e308&pitch=1e308&roll=-1e308&hfov=1e308&frame=1e308", 4, []);
  assert.ok(Object.values(huge.look).every((angle) => Math.abs(angle) <= Math.PI), `${huge.look}`);
  assert.equal(huge.frame, null);
  const nonsense = startOf("#yaw=x&frame=4&decoder=other&pitch=", 4, ["hnerv"]);
  assert.deepEqual([nonsense.look.yaw, nonsense.look.pitch], [0, 0]);
  assert.deepEqual([nonsense.frame, nonsense.decoder], [null, null]);
});

test("slices become more where they take long, and few where they do not", () => {
  const pace = new Pace();
  for (let i = 0; i < 20; i++) pace.took(5, true);
  assert.equal(pace.slices, 1);
  for (let i = 0; i < 20; i++) pace.took(900, true);
  const most = pace.slices;
  pace.took(900, false);
  assert.ok(most > 8 && pace.slices < most, "at rest nothing waits");
});

test("clocks count minutes", () => assert.deepEqual([0, 65.9, 600].map(clock), ["0:00", "1:05", "10:00"]));
