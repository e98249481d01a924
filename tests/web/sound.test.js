import assert from "node:assert/strict";
import test from "node:test";

import { OpusFile, RATE } from "../../viewer/web/sound/opus.js";
import { PictureDelay, ahead } from "../../viewer/web/sound/schedule.js";
import { Blocks } from "../../viewer/web/sound/source.js";
import { Stretcher } from "../../viewer/web/sound/stretching.js";

const tone = (seconds, hertz) =>
  Float32Array.from({ length: seconds * RATE }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / RATE));

/** Feed samples in blocks of many lengths, and return what comes out. */
function stretched(samples, speed) {
  const stretcher = new Stretcher(samples.length, speed);
  const made = samples.map(() => []);
  for (let at = 0, length = 700; at < samples[0].length; at += length, length = 700 + ((7 * length) % 9000)) {
    const block = samples.map((channel) => channel.slice(at, at + length));
    stretcher.feed(block).forEach((part, k) => made[k].push(...part));
  }
  return made;
}

for (const speed of [0.5, 1.5, 2])
  test(`at ${speed} times the speed a tone keeps its pitch and its strength`, () => {
    const [made, quiet] = stretched([tone(2, 440), tone(2, 440).map((value) => value / 4)], speed);
    assert.ok(Math.abs(made.length - (2 * RATE) / speed) < 0.1 * RATE, "it is as long as it should be");
    const crossings = made.filter((value, i) => value >= 0 && made[i - 1] < 0).length;
    assert.ok(Math.abs((crossings * RATE) / made.length - 440) < 2, `${(crossings * RATE) / made.length} Hz`);
    const steps = made.map((value, i) => Math.abs(value - (made[i - 1] ?? value)));
    assert.ok(steps.every((step) => step < 0.07), "it does not click");
    const power = (values) => values.reduce((sum, value) => sum + value * value, 0) / values.length;
    assert.ok(power(made) > 0.45);
    assert.ok(Math.abs(power(made) / power(quiet) - 16) < 0.01, "channels move together");
  });

test("at another speed clicks come when they are due", () => {
  const samples = new Float32Array(4 * RATE);
  for (let second = 0; second < 4; second++)
    samples.set(tone(0.005, 2000), second * RATE + RATE / 2);
  for (const speed of [0.5, 1.5, 2]) {
    const [made] = stretched([samples], speed);
    const found = made.flatMap((value, i) => (Math.abs(value) > 0.4 ? [(i / RATE) * speed] : []));
    const near = [0.5, 1.5, 2.5].map((due) => Math.min(...found.map((at) => Math.abs(at - due))));
    assert.ok(Math.max(...near) < 0.025, `${near}`);
  }
});

/** A source whose samples are their own places. */
const places = {
  file: { channels: 1 },
  read: async (start, count) => [Float32Array.from({ length: count }, (_, i) => start + i)],
};

test("blocks follow each other over the end of a loop, which is silent", async () => {
  const duration = 1.1;
  const blocks = new Blocks(places, { speed: 1, loop: true, duration }, 0.9);
  const samples = [];
  for (let i = 0; i < 3; i++) samples.push(...(await blocks.next())[0]);
  const length = Math.round(duration * RATE);
  assert.equal(samples[0], 0.9 * RATE);
  const end = length - 0.9 * RATE;
  assert.ok(samples[end - 1] < length / 50 && samples[end] === 0);
  assert.ok(Math.abs(samples[end - 200] - (length - 200)) < 1);
  assert.equal(samples[end + 500], 500);
});

test("a clip without a loop is silent after its end", async () => {
  const blocks = new Blocks(places, { speed: 1, loop: false, duration: 1 }, 0.95);
  const [block] = await blocks.next();
  assert.equal(block[0.05 * RATE - 1], RATE - 1);
  assert.ok(block.subarray(0.05 * RATE).every((value) => value === 0));
});

test("in a loop the way is the short one", () => {
  const clip = { loop: true, duration: 10 };
  assert.ok(Math.abs(ahead(clip, 0.1, 9.9) - 0.2) < 1e-9);
  assert.ok(Math.abs(ahead({ ...clip, loop: false }, 0.1, 9.9) + 9.8) < 1e-9);
});

test("the delay of pictures is their usual one, and changes in steps", () => {
  const delay = new PictureDelay();
  for (let i = 0; i < 15; i++) delay.add(i === 3 ? 5 : 0.08 + 0.001 * (i % 3));
  assert.equal(delay.seconds, 0);
  delay.add(0.08);
  assert.ok(Math.abs(delay.seconds - 0.081) < 0.002);
  const before = delay.seconds;
  for (let i = 0; i < 15; i++) delay.add(0.09);
  assert.equal(delay.seconds, before);
});

const page = (...packets) => {
  const lacing = packets.map(({ length }) => [...Array(Math.floor(length / 255)).fill(255), length % 255]).flat();
  return Uint8Array.from([...Buffer.from("OggS"), ...Array(22).fill(0), lacing.length, ...lacing, ...packets.flatMap((each) => [...each])]);
};
const head = (channels, family, more = []) =>
  Uint8Array.from([...Buffer.from("OpusHead"), 1, channels, 0, 0, 0, 0, 0, 0, 0, 0, family, ...more]);

test("what is no sound of a clip is refused", () => {
  for (const [bytes, said] of [
    [Buffer.from("RIFF and so on, much longer than a page's head"), /not Ogg/],
    [page(Buffer.from("OpusTail, and as long as a head must be")), /not Opus/],
    [page(head(6, 1, [4, 2, 0, 4, 1, 2, 3, 5])), /6 channels of the mapping family 1/],
    [page(head(4, 2)), /4 channels/],
    [page(head(4, 0, [4, 0, 0, 1, 2, 3])), /mapping family 0/],
  ])
    assert.throws(() => new OpusFile().add(bytes), said);
});

test("a file is read in parts of any size", () => {
  const packet = Uint8Array.from([0xfc, 1, 2, 3]); // 20 ms
  const whole = [page(head(2, 0)), page(new Uint8Array(300)), page(packet, packet), page(packet)];
  const bytes = Uint8Array.from(whole.flatMap((each) => [...each]));
  const file = new OpusFile();
  for (let at = 0; at < bytes.length; at += 7) file.add(bytes.subarray(at, at + 7));
  assert.equal(file.channels, 2);
  assert.equal(file.length, 3 * 960);
});
