/** Messages of the server that decodes, and sums of what happened of late. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Recent, parts } from "../../viewer/web/remote/link.js";

test("a picture's message has a header, colours and alpha", () => {
  const header = { number: 1, frame: 7, colour: 3, alpha: 2 };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const message = new Uint8Array(4 + text.length + 5);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, 4);
  message.set([1, 2, 3, 4, 5], 4 + text.length);
  const found = parts(message.buffer);
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
