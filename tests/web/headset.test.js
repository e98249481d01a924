import assert from "node:assert/strict";
import test from "node:test";

import { linesOf, placeOf } from "../../viewer/web/picture/words.js";
import { degrees, lookFromRotation, radians, rotationOf, turned } from "../../viewer/web/look.js";
import { lookOfHead, rotationOfPose, tangentsOf } from "../../viewer/web/xr.js";

const near = (value, expected, within = 1e-9) =>
  assert.ok(Math.abs(value - expected) <= within, `${value} is not ${expected}`);

/** Matrix of a WebXR pose that is turned to the left, then up. */
function pose(left, up) {
  const [cl, sl, cu, su] = [Math.cos(left), Math.sin(left), Math.cos(up), Math.sin(up)];
  return [cl, 0, -sl, 0, sl * su, cu, cl * su, 0, sl * cu, -su, cl * cu, 0, 0, 0, 0, 1];
}

test("a head that turns left and up looks left and up on the page", () => {
  const look = lookFromRotation(rotationOfPose(pose(0.3, 0.2), 0), 1);
  near(look.yaw, -0.3);
  near(look.pitch, 0.2);
  near(look.roll, 0);
  near(lookFromRotation(rotationOfPose(pose(0.3, 0.2), 1), 1).yaw, 0.7);
  near(lookFromRotation(rotationOfPose(pose(0, 0), 0), 1).yaw, 0);
});

test("a projection's edges are where its frustum has them", () => {
  const [l, r, b, t, n] = [-0.12, 0.09, -0.1, 0.11, 0.1];
  const projection = [
    (2 * n) / (r - l), 0, 0, 0, 0, (2 * n) / (t - b), 0, 0, (r + l) / (r - l), (t + b) / (t - b), -1, -1,
    0, 0, -0.2, 0,
  ];
  tangentsOf(projection).forEach((value, i) => near(value, [l, r, b, t][i] / n));
});

test("the look of a head encloses what both eyes see", () => {
  const rotation = rotationOf({ yaw: 1, pitch: 0.4, roll: 0.2, hfov: 1 });
  const eyes = [[-1.2, 0.8, -1, 0.9], [-0.8, 1.2, -1, 0.9]].map((tangents) => ({ rotation, tangents }));
  const { look, aspect } = lookOfHead(rotation, eyes);
  near(Math.tan(look.hfov / 2), 1.2);
  near(aspect, 1.2);
  near(look.roll, 0.2);
  const canted = { rotation: rotationOf({ yaw: 1 - radians(10), pitch: 0.4, roll: 0.2, hfov: 1 }), tangents: [-1, 1, -1, 1] };
  assert.ok(degrees(lookOfHead(rotation, [canted]).look.hfov) > 105);
  near(turned(rotation, [0, 0, 1])[1], Math.sin(0.4));
});

test("a text is broken between words, and at its line ends", () => {
  const lines = linesOf("one two three\nfour incomprehensible", 8, (line) => line.length);
  assert.deepEqual(lines, ["one two", "three", "four", "incomprehensible"]);
});

test("words are in the same direction for both eyes", () => {
  const head = rotationOf({ yaw: 1, pitch: 0.4, roll: 0.2, hfov: 1 });
  const eye = { rotation: head, tangents: [-1, 1, -1, 1] };
  assert.deepEqual(placeOf(eye, [10, 0, 100, 100], head, 0.5), [40, 30, 40, 20]);
  const oblique = { rotation: head, tangents: [-1.5, 0.5, -1, 1] };
  assert.deepEqual(placeOf(oblique, [10, 0, 100, 100], head, 0.5), [65, 30, 40, 20]);
  const toed = { rotation: rotationOf({ yaw: 1.1, pitch: 0.4, roll: 0.2, hfov: 1 }), tangents: [-1, 1, -1, 1] };
  assert.ok(placeOf(toed, [10, 0, 100, 100], head, 0.5)[0] < 40, "an eye that looks to the right has them left");
});
