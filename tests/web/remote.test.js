/** Messages of the server that decodes, and sums of what happened of late. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Link, Recent, parts } from "../../viewer/web/remote/link.js";
import { lineOf } from "../../viewer/web/remote/course.js";
import { beginsThere } from "../../viewer/web/remote/places.js";

/** @param {Record<string, unknown>} header */
function packed(header) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const message = new Uint8Array(4 + text.length + 5);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, 4);
  message.set([1, 2, 3, 4, 5], 4 + text.length);
  return message.buffer;
}

test("a picture's message has a header, colours and alpha", () => {
  const header = { number: 1, frame: 7, colour: 3, alpha: 2 };
  const found = parts(packed(header));
  assert.deepEqual(found.header, header);
  assert.deepEqual([...found.colour], [1, 2, 3]);
  assert.deepEqual([...found.alpha], [4, 5]);
});

test("a message that is cut is refused", () => {
  assert.throws(() => parts(new ArrayBuffer(3)));
  assert.throws(() => parts(new Uint8Array([9, 0, 0, 0, 123]).buffer));
});

test("a rate is of the last three seconds", () => {
  const recent = new Recent();
  for (let at = 0; at <= 6000; at += 100) recent.add(at, 50);
  assert.equal(Math.round(recent.rate(6000)), 500);
  assert.equal(recent.rate(20000), 0);
});

/** A WebSocket that sends nothing by itself. */
class FakeSocket {
  static OPEN = 1;
  readyState = FakeSocket.OPEN;
  /** @type {Record<string, any>[]} */
  said = [];

  constructor() {
    FakeSocket.newest = this;
  }

  /** @param {string} text */
  send(text) {
    this.said.push(JSON.parse(text));
  }

  close() {}
}

/** Wait until all promises that can go on have gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the newest picture is unpacked, and the bitmaps of outdated ones are closed", async (t) => {
  /** @type {(() => void)[]} */
  const unpacking = [];
  let open = 0;
  const { WebSocket, createImageBitmap } = globalThis;
  const before = { WebSocket, createImageBitmap };
  t.after(() => Object.assign(globalThis, before));
  Object.assign(globalThis, {
    WebSocket: FakeSocket,
    createImageBitmap: () =>
      new Promise((resolve) => {
        unpacking.push(() => resolve({ close: () => (open -= 1) }));
        open += 1;
      }),
  });
  const link = new Link("ws://localhost/live", "scene");
  t.after(() => link.disconnect());
  /** @type {number[]} */
  const shown = [];
  /** @param {{header: {number: number}, colours: ImageBitmap}} arrival */
  const receive = ({ header, colours }) => {
    shown.push(header.number);
    colours.close();
  };
  link.listeners.set(1, { newest: 0, next: null, receive, fail: () => {} });
  link.connect();
  const socket = FakeSocket.newest;
  socket.onmessage({ data: JSON.stringify({ hello: { version: 1, scene: "scene" } }) });
  for (let number = 1; number <= 8; number++)
    socket.onmessage({ data: packed({ number, generation: 1, colour: 3, alpha: 0 }) });
  assert.equal(unpacking.length, 3);
  unpacking[2]();
  await settled();
  assert.equal(unpacking.length, 4, "the newest one has waited");
  unpacking[3]();
  await settled();
  assert.deepEqual(shown, [3, 8]);
  unpacking[0]();
  unpacking[1]();
  await settled();
  assert.deepEqual(shown, [3, 8]);
  assert.equal(unpacking.length, 4);
  assert.equal(open, 0);
  const seen = socket.said.flatMap((message) => message.seen ?? []);
  assert.equal(Math.max(...seen), 8);
});

test("auto begins on the server if it has a GPU or the browser is slow, else in the browser", () => {
  for (const gpu of [true, false])
    for (const slow of [true, false]) {
      assert.equal(beginsThere({ prefers: "here", gpu }, slow), true);
      assert.equal(beginsThere({ prefers: "browser", gpu }, slow), false);
      assert.equal(beginsThere({ prefers: "auto", gpu }, slow), gpu || slow);
    }
});

test("a curve goes from edge to edge, and a flat one is a line", () => {
  assert.equal(lineOf([[0, 2], [50, 4], [100, 3]], 100, 2, 4), "0.0,72.0 100.0,0.0 200.0,36.0");
  assert.equal(lineOf([[50, 7]], 100, 7, 7), "100.0,72.0");
});
