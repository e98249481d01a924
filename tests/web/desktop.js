// Answers what the page's modules make of cases that a test of the desktop's modules poses: a name
// and its arguments a line of JSON on stdin, the result a line on stdout.

import { readFileSync } from "node:fs";

import { Camera } from "../../viewer/web/input/camera.js";
import { Playback } from "../../viewer/web/input/playback.js";
import { Recorder } from "../../viewer/web/input/recorder.js";
import {
  between, frustumOf, levelOfDetail, lookFromRotation, predictedLook, rotationOf,
} from "../../viewer/web/look.js";
import { conditionsOf } from "../../viewer/web/picture/conditions.js";
import { contains, seenCrop } from "../../viewer/web/picture/crops.js";
import { beyond, nextLook, pointsOf } from "../../viewer/web/picture/covering.js";
import { outline } from "../../viewer/web/picture/minimap.js";
import { unpackedSeries, unpackedWeights } from "../../viewer/web/scene/coding.js";
import { unpackDecoder } from "../../viewer/web/scene/decoder_file.js";
import { fromHalf, toHalf } from "../../viewer/web/scene/tensors.js";
import { earGains } from "../../viewer/web/sound/ambisonics.js";
import { OpusFile } from "../../viewer/web/sound/opus.js";

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

/** State after each step: a name of a method or property, and its arguments. */
function states(object, steps, state) {
  return steps.map(([name, ...given]) => {
    if (name === "hold") object.held.add(given[0]);
    else if (name === "let go") object.held.delete(given[0]);
    else if (typeof object[name] === "function") object[name](...given);
    else object[name] = given[0];
    return state(object);
  });
}

const QUESTIONS = {
  rotation: (look) => rotationOf(look),
  there_and_back: (look) => lookFromRotation(rotationOf(look), look.hfov),
  between: (one, other) => between(rotationOf(one), rotationOf(other)),
  level_of_detail: (columns, angle) => levelOfDetail(columns, angle),
  predicted: (...given) => predictedLook(...given),
  covering: (look, aspect, range) => {
    const own = predictedLook(look, aspect, 0, range);
    const points = beyond(pointsOf(frustumOf(look, aspect)), own, range.aspect);
    const held = [];
    for (let next; (next = nextLook(points, held, 0, range)); ) held.push({ look: next, frame: 0, age: 0 });
    return [...held.map((each) => each.look), own];
  },
  crop: (crops, look, aspect) => seenCrop(crops, look, aspect),
  contains: (...given) => contains(...given),
  outline: (look, aspect) => outline(look, aspect),
  camera: (steps) => states(new Camera(), steps, (camera) => ({ ...camera.look(), speed: camera.speed })),
  playback: (frames, fps, steps) =>
    states(new Playback(frames, fps), steps, ({ frame, seconds, playing, speed }) => [
      frame, seconds, playing, speed,
    ]),
  recording: (head, rows) => {
    const recorder = new Recorder(head);
    recorder.start();
    for (const [now, frame, look] of rows) recorder.add(now, frame, look);
    return recorder.stop();
  },
  ear_gains: (look) => earGains(look),
  sound: (path, pieces) => {
    const sound = new OpusFile();
    sound.add(new Uint8Array(readFileSync(path)));
    const cut = pieces.map(([start, count]) => sound.piece(start, count));
    const files = cut.map(({ file, skip }) => [Buffer.from(file).toString("base64"), skip]);
    return { channels: sound.channels, length: sound.length, files };
  },
  halves: (values) => values.map((value) => fromHalf(toHalf(value))),
  series: async (coded, shape) => {
    const { levels } = await unpackedSeries(bytes(coded), shape);
    return Buffer.from(levels).toString("base64");
  },
  weights: async (coded, shape) => [...(await unpackedWeights(bytes(coded), shape))],
  programs: async (file, frames) => {
    const { plan } = await unpackDecoder(new Uint8Array(readFileSync(file)), frames);
    return plan.programs.map(({ source }) => source);
  },
  decoder: async (file, frames, frame, look) => {
    const { plan, embeddings } = await unpackDecoder(new Uint8Array(readFileSync(file)), frames);
    return {
      weights: [...plan.weights],
      conditions: plan.conditions && [...conditionsOf(plan.conditions, frame, frames, look)],
      embeddings: embeddings.map(({ map, channels, series, values }) => {
        const [known, pixels] = [values.length / channels, series.size / channels];
        const levels = [...series.levels.subarray(frame * series.size, (frame + 1) * series.size)];
        return [map, levels.map((level, i) => values[Math.floor(i / pixels) * known + level])];
      }),
    };
  },
};

for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const [name, ...given] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: await QUESTIONS[name](...given) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
