import assert from "node:assert/strict";
import test from "node:test";

import { clock, duration } from "../../viewer/web/controls.js";
import { Camera, MAX_HFOV, MIN_HFOV } from "../../viewer/web/input/camera.js";
import { Pointers, pointAt, wheelOf } from "../../viewer/web/input/hands.js";
import { KEYMAP, bindingOf, driveOf } from "../../viewer/web/input/keymap.js";
import { DeviceLook, lookOfDevice } from "../../viewer/web/input/orientation.js";
import { degrees, radians, rotationOf, turned } from "../../viewer/web/look.js";

const near = (value, expected, within = 1e-9) =>
  assert.ok(Math.abs(value - expected) <= within, `${value} is not ${expected}`);
const angles = ({ yaw, pitch, roll }) =>
  [yaw, pitch, roll].map((angle) => Math.round(degrees(angle)) + 0);

/** World direction that a look shows at a point of the view plane. */
function seen(look, [x, y]) {
  const tangent = Math.tan(look.hfov / 2);
  const direction = turned(rotationOf(look), [x * tangent, y * tangent, 1]);
  return direction.map((value) => value / Math.hypot(...direction));
}

test("a point of the page is where the view plane has it", () => {
  const box = { left: 10, top: 20, width: 200, height: 100 };
  assert.deepEqual(pointAt({ x: 110, y: 70 }, box), [0, 0]);
  assert.deepEqual(pointAt({ x: 210, y: 20 }, box), [1, 0.5]);
});

test("the wheel zooms by notches, and a touchpad's pinch by what the fingers do", () => {
  assert.deepEqual(wheelOf({ deltaY: -100, deltaMode: 0, ctrlKey: false }), { steps: 1 });
  assert.deepEqual(wheelOf({ deltaY: 6, deltaMode: 1, ctrlKey: false }), { steps: -2 });
  assert.ok(wheelOf({ deltaY: -10, deltaMode: 0, ctrlKey: true }).factor > 1);
});

test("what a finger holds stays under it", () => {
  const camera = new Camera();
  const pointers = new Pointers(camera);
  const held = seen(camera.look(), [0.2, 0.1]);
  pointers.down(1, [0.2, 0.1]);
  pointers.move(1, [-0.3, 0.2]);
  seen(camera.look(), [-0.3, 0.2]).forEach((value, i) => near(value, held[i]));
});

test("two fingers enlarge what is between them, and keep it there", () => {
  const camera = new Camera();
  const pointers = new Pointers(camera);
  const before = Math.tan(camera.hfov.offset / 2);
  const held = seen(camera.look(), [0.2, 0]);
  pointers.down(1, [0.1, 0]);
  pointers.down(2, [0.3, 0]);
  pointers.move(1, [0.05, 0]);
  pointers.move(2, [0.35, 0]);
  near(Math.tan(camera.hfov.offset / 2), before * (0.2 / 0.3));
  seen(camera.look(), [0.2, 0]).forEach((value, i) => near(value, held[i], 1e-6));
  pointers.up(1);
  assert.ok(camera.grip, "the finger that is left goes on dragging");
  pointers.up(2);
  assert.equal(camera.grip, null);
});

test("a pinch ends at the fields of view that there are", () => {
  const camera = new Camera();
  camera.enlarge(100);
  near(camera.hfov.offset, MIN_HFOV);
  camera.enlarge(0.001);
  near(camera.hfov.offset, MAX_HFOV);
});

test("the view glides on, comes to rest, and then does not move by itself", () => {
  const camera = new Camera();
  assert.equal(camera.moving, false);
  camera.press([0, 0]);
  for (let i = 1; i < 6; i++) {
    camera.move([-i / 20, 0]);
    camera.advance(0.016);
  }
  camera.release();
  const let_go = camera.yaw.offset;
  camera.advance(0.1);
  assert.ok(camera.yaw.offset > let_go + 0.01);
  for (let i = 0; i < 60; i++) camera.advance(0.1);
  assert.equal(camera.moving, false);
});

const event = (given) => ({
  code: "", key: "", repeat: false, ctrlKey: false, altKey: false, metaKey: false, ...given,
});

test("keys ask for what the table says, and those with modifiers belong to the browser", () => {
  assert.equal(bindingOf(event({ code: "KeyA", key: "a" }))?.drive, "left");
  assert.equal(bindingOf(event({ code: "Slash", key: "?" }))?.action, "keys");
  assert.equal(bindingOf(event({ code: "Space", key: " ", repeat: true })), null);
  assert.equal(bindingOf(event({ code: "Period", key: ".", repeat: true }))?.action, "next frame");
  for (const modifier of ["ctrlKey", "altKey", "metaKey"])
    for (const key of ["a", "f", "+", "Home", " "])
      if (modifier !== "altKey" || key !== "+")
        assert.equal(bindingOf(event({ code: "", key, [modifier]: true })), null);
  assert.equal(bindingOf(event({ code: "Tab", key: "Tab" })), null);
  const keys = KEYMAP.flatMap(({ keys, codes }) => [...(keys ?? []), ...(codes ?? [])]);
  assert.equal(new Set(keys).size, keys.length, "no key has two meanings");
});

test("letters and signs are those that a layout types, and places stay where they are", () => {
  const dvorak = { n: "KeyL", l: "KeyP", p: "KeyR", f: "KeyY", h: "KeyJ", i: "KeyG" };
  const wanted = { n: "decoder", l: "loop", p: "compositing", f: "fullscreen", h: "overlay", i: "inertia" };
  for (const [key, code] of Object.entries(dvorak))
    assert.equal(bindingOf(event({ code, key }))?.action, wanted[key]);
  assert.equal(bindingOf(event({ code: "KeyN", key: "b" })), null);
  assert.equal(bindingOf(event({ code: "KeyA", key: "q" }))?.drive, "left", "on a French keyboard");
  assert.equal(bindingOf(event({ code: "Digit5", key: "[", altKey: true }))?.action, "slower", "on a German Mac");
  const altGraph = { getModifierState: (name) => name === "AltGraph" };
  const german = event({ code: "Digit9", key: "]", ctrlKey: true, altKey: true, ...altGraph });
  assert.equal(bindingOf(german)?.action, "faster", "with AltGr on Windows");
  assert.equal(bindingOf(event({ code: "KeyN", key: "т" }))?.action, "decoder", "on a Russian keyboard");
  assert.equal(driveOf({ code: "KeyD", key: "e" }), "right");
});

test("what a hand or a link does while the device turns the view is kept", () => {
  const camera = new Camera();
  const follower = new DeviceLook(camera, () => {}, () => {});
  const device = (alpha) => follower.follow({ alpha, beta: 90, gamma: 0 });
  const facing = () => degrees(camera.yaw.offset);
  follower.restart();
  device(10);
  near(facing(), 0, 1e-9);
  device(0);
  near(facing(), 10, 1e-9);
  camera.press([0, 0]);
  camera.move([0.5, 0]);
  device(0);
  const dragged = facing();
  assert.ok(dragged < 0, "the device does not move what a finger holds");
  camera.release();
  device(0);
  near(facing(), dragged, 1e-9);
  device(-5);
  near(facing(), dragged + 5, 1e-9);
  camera.lookAt({ yaw: radians(90), pitch: 0.3, roll: 0, hfov: 1 });
  device(-5);
  near(facing(), 90, 1e-9);
  near(camera.pitch.offset, 0.3, 1e-9);
});

test("a device that is held upright looks at the horizon where its back points", () => {
  const look = (alpha, beta, gamma, screen = 0) => angles(lookOfDevice({ alpha, beta, gamma }, screen, 1));
  assert.deepEqual(look(0, 90, 0), [0, 0, 0]);
  assert.deepEqual(look(-90, 90, 0), [90, 0, 0], "east is to the right of the north");
  assert.deepEqual(look(0, 120, 0), [0, 30, 0], "leaning back it looks up");
  assert.deepEqual(look(0, 60, 0), [0, -30, 0]);
  assert.deepEqual(look(0, 0, -90, 90).slice(1), [0, 0], "on its side, as the page is turned");
  near(lookOfDevice({ alpha: 10, beta: 80, gamma: 0 }, 0, 1.2).hfov, 1.2);
  near(radians(180), Math.PI);
});

test("times are short to read", () => {
  assert.equal(clock(125.9), "2:05");
  assert.equal(duration(16.4), "16 ms");
  assert.equal(duration(319571), "319.6 s");
});
