import assert from "node:assert/strict";
import test from "node:test";

import { between, frustumOf, predictedLook, radians, rotationOf, turned } from "../../viewer/web/look.js";
import { beyond, nextLook, pointsOf } from "../../viewer/web/picture/covering.js";
import { raysOf } from "../../viewer/web/picture/warp.js";

const RANGE = { aspect: 1.778, hfov: [radians(60), radians(89.8)] };

/** Looks that are decoded for a view until all of it is shown: its own, then the others. */
function decoded(view, aspect) {
  const own = predictedLook(view, aspect, 0, RANGE);
  const points = beyond(pointsOf(frustumOf(view, aspect)), own, RANGE.aspect);
  const held = [];
  for (let look; (look = nextLook(points, held, 7, RANGE)); ) {
    for (const each of held) each.age += 1;
    held.push({ look, frame: 7, age: 0 });
    assert.ok(held.length <= 30, "it ends");
  }
  return { own, others: held.map(({ look }) => look) };
}

/** Share of a fine grid of a view that some picture shows, by an independent projection. */
function shown(view, aspect, looks, steps = 60) {
  const tangent = Math.tan(view.hfov / 2);
  let count = 0;
  for (let i = 0; i <= steps; i++)
    for (let j = 0; j <= steps; j++) {
      const [x, y] = [(2 * i) / steps - 1, (2 * j) / steps - 1];
      const world = turned(rotationOf(view), [x * tangent, (y * tangent) / aspect, 1]);
      const inside = looks.some((look) => {
        const [rx, ry, rz, ux, uy, uz, fx, fy, fz] = rotationOf(look);
        const [a, b, c] = world;
        const depth = fx * a + fy * b + fz * c;
        const wide = Math.tan(look.hfov / 2) * depth;
        return (
          depth > 0 &&
          Math.abs(rx * a + ry * b + rz * c) <= wide &&
          Math.abs(ux * a + uy * b + uz * c) <= wide / RANGE.aspect
        );
      });
      count += Number(inside);
    }
  return count / (steps + 1) ** 2;
}

test("pictures show all of a view, however wide, tall or rolled it is", () => {
  for (const [hfov, aspect] of [[78, 1.78], [110, 1.78], [78, 390 / 844], [110, 390 / 844], [30, 0.3], [110, 3.5]])
    for (const pitch of [0, 0.6, -1.5])
      for (const roll of [0, 0.8]) {
        const view = { yaw: 2.9, pitch, roll, hfov: radians(hfov) };
        const { own, others } = decoded(view, aspect);
        assert.equal(shown(view, aspect, [own, ...others]), 1, `${hfov}° at ${aspect}, ${pitch}, ${roll}`);
        assert.ok(others.length <= 12, `${others.length} more pictures for ${hfov}° at ${aspect}`);
      }
});

test("a view takes no more pictures than it needs", () => {
  const others = (hfov, aspect) =>
    decoded({ yaw: 1, pitch: 0, roll: 0, hfov: radians(hfov) }, aspect).others.length;
  assert.equal(others(78, 1.78), 0);
  assert.ok(others(78, 390 / 844) <= 2, "a phone that is held upright");
  assert.ok(others(110, 1.78) <= 5);
});

test("pictures of older frames are decoded again, where they are", () => {
  const points = pointsOf(frustumOf({ yaw: 0, pitch: 0, roll: 0, hfov: 1 }, 1.5));
  const look = { yaw: 0.05, pitch: 0, roll: 0, hfov: RANGE.hfov[1] };
  assert.equal(nextLook(points, [{ look, frame: 4, age: 3 }], 4, RANGE), null);
  assert.equal(nextLook(points, [{ look, frame: 3, age: 3 }], 4, RANGE), look);
});

test("an oblique pyramid has its edges where its tangents are", () => {
  const rotation = rotationOf({ yaw: 0.7, pitch: -0.4, roll: 0.2, hfov: 1 });
  const { extent, matrix } = raysOf({ rotation, tangents: [-1.2, 0.8, -0.5, 0.9] });
  for (const [x, y, right, up] of [[-1, -1, -1.2, -0.5], [1, 1, 0.8, 0.9], [1, -1, 0.8, -0.5]]) {
    const ray = turned(matrix, [x * extent[0], y * extent[1], 1]);
    turned(rotation, [right, up, 1]).forEach((value, i) => assert.ok(Math.abs(value - ray[i]) < 1e-12));
  }
  const same = between(rotation, rotation);
  [1, 0, 0, 0, 1, 0, 0, 0, 1].forEach((value, i) => assert.ok(Math.abs(value - same[i]) < 1e-12));
});
