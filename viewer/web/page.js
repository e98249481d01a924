/** The page: loads its scene, and connects input, keys and buttons to the view. */

import { Controls, element, message, say, showLoading, unsay } from "./controls.js";
import { DeviceLook, hasOrientation } from "./input/orientation.js";
import { listenToDivider } from "./input/divider.js";
import { listen } from "./input/hands.js";
import { GraphicsError } from "./picture/gl.js";
import { undecodable } from "./pane.js";
import { drawMap } from "./picture/minimap.js";
import { DataError } from "./scene/errors.js";
import { Places } from "./remote/places.js";
import { loadDescription } from "./scene/loading.js";
import { Sound } from "./sound/control.js";
import { startOf } from "./start.js";
import { View } from "./view.js";
import { Headset, hasHeadset } from "./xr.js";

/** @typedef {import("./input/keymap.js").Action} Action */
/** @typedef {import("./scene/description.js").Description} Description */

const canvas = element("view", HTMLCanvasElement);
const root = document.documentElement;
const LOST =
  "The graphics driver has dropped the picture. It comes back by itself if the driver does; " +
  "otherwise load this page again.";

/**
 * Show the still panorama flat, if the page cannot look around in it.
 *
 * @param {Description} description
 * @param {string} sentence
 * @param {number} [chapter] - its number.
 */
function showFlat({ chapters }, sentence, chapter = 0) {
  root.classList.add("flat");
  showLoading("");
  say(sentence);
  const { still } = chapters[chapter];
  if (!still) return;
  const figure = element("flat", HTMLElement);
  const picture = figure.querySelector("img");
  if (!picture) return;
  picture.onload = () => {
    figure.scrollLeft = (figure.scrollWidth - figure.clientWidth) / 2;
  };
  picture.src = still.file;
  figure.hidden = false;
}

/**
 * Show the still panorama flat while the graphics context is lost.
 *
 * @param {View} view
 * @param {Headset} headset
 */
function surviveLoss(view, headset) {
  canvas.addEventListener("webglcontextlost", (event) => {
    event.preventDefault(); // otherwise it is never restored
    view.lose();
    headset.leave();
    showFlat(view.description, LOST, view.chapter);
  });
  canvas.addEventListener("webglcontextrestored", () => {
    try {
      view.restore();
    } catch (error) {
      return say(sentenceOf(error));
    }
    root.classList.remove("flat");
    element("flat", HTMLElement).hidden = true;
    unsay(LOST);
  });
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function sentenceOf(error) {
  const text = error instanceof Error ? error.message : String(error);
  const known = error instanceof DataError || error instanceof GraphicsError;
  return known ? text : `This page has an error and cannot go on: ${text}.`;
}

/**
 * End a recording, and let the browser save it.
 *
 * @param {import("./input/recorder.js").Recorder} recorder
 * @param {Controls} controls
 */
function saveRecording(recorder, controls) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([recorder.stop()], { type: "text/csv" }));
  link.download = "nerv360-path.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  controls.note("Saved as nerv360-path.csv, which nerv360 evaluate and view can follow");
}

/**
 * Return the function of each action.
 *
 * @param {View} view
 * @param {Sound | null} sound
 * @param {() => Controls} controls
 * @returns {Record<Action, () => void>}
 */
function actionsOf(view, sound, controls) {
  const { camera, playback } = view;
  const names = view.description.decoders.map(({ name }) => name);
  /** The next decoder after one that is not on screen; empty if there is none. */
  const other = (/** @type {string} */ name) => {
    const at = names.indexOf(name);
    const shown = view.panes.map(({ asked }) => asked);
    return [...names.slice(at + 1), ...names.slice(0, at)].find((each) => !shown.includes(each)) ?? "";
  };
  const showSpeed = () => {
    const silent = sound && !sound.audible ? ", without sound" : "";
    controls().note(`${playback.speed}× speed${silent}`);
  };
  const changeVolume = (/** @type {number} */ steps) => {
    if (!sound) return controls().note("This clip has no sound.");
    sound.changeVolume(steps);
    return controls().note(`Volume ${Math.round(100 * sound.volume)} %`);
  };
  return {
    "zoom in": () => camera.zoom(1),
    "zoom out": () => camera.zoom(-1),
    reset: () => camera.reset(),
    inertia: () => {
      camera.inertia = !camera.inertia;
      controls().note(`Inertia ${camera.inertia ? "on" : "off"}`);
    },
    play: () => playback.toggle(),
    "previous frame": () => playback.step(-1),
    "next frame": () => playback.step(1),
    slower: () => {
      playback.changeSpeed(-1);
      showSpeed();
    },
    faster: () => {
      playback.changeSpeed(1);
      showSpeed();
    },
    loop: () => {
      playback.loop = !playback.loop;
      controls().note(`Loop ${playback.loop ? "on" : "off"}`);
    },
    mute: () => {
      if (!sound) return controls().note("This clip has no sound.");
      sound.toggle();
      return controls().note(`Sound ${sound.muted ? "off" : "on"}`);
    },
    louder: () => changeVolume(1),
    quieter: () => changeVolume(-1),
    decoder: () => {
      if (names.length < 2) return controls().note(`This scene has one decoder, ${names[0]}.`);
      unsay();
      const turned = view.right ?? view.left;
      const next = other(turned.asked);
      if (!next) return controls().note(`This scene has two decoders, ${names.join(" and ")}.`);
      return turned.open(next);
    },
    split: () => {
      if (names.length < 2)
        return controls().note("There is nothing to compare with: this scene has one decoder.");
      unsay();
      return view.compare(view.right ? "" : other(view.left.asked));
    },
    compositing: () => {
      if (!view.still)
        return controls().note("There is no still panorama: the whole picture is decoded.");
      view.compositing = (view.compositing + 1) % 3;
      const captions = ["All", "Decoded picture alone", "Share of the decoded picture (white)"];
      return controls().note(captions[view.compositing]);
    },
    record: () => {
      if (view.recorder.on) return saveRecording(view.recorder, controls());
      return view.recorder.start();
    },
    fullscreen: () => {
      if (document.fullscreenElement) return void document.exitFullscreen();
      const refused = () => controls().note("This browser refuses full screen here.");
      if (!root.requestFullscreen) return refused();
      return void root.requestFullscreen().catch(refused);
    },
    overlay: () => void root.classList.toggle("quiet"),
    keys: () => controls().toggleKeys(),
  };
}

/**
 * Connect the page's controls to a view.
 *
 * @param {View} view
 * @returns {{controls: Controls, headset: Headset}}
 */
function connect(view) {
  const sound = view.description.sound ? new Sound(view, view.description.sound) : null;
  const actions = actionsOf(view, sound, () => controls);
  const act = (/** @type {Action} */ action) => {
    actions[action]();
    view.wake();
  };
  /** @type {Set<import("./input/keymap.js").Need | undefined>} */
  const offers = new Set();
  if (sound) offers.add("sound");
  if (view.description.decoders.length > 1) offers.add("decoders");
  const controls = new Controls(view.playback, act, view.wake, offers);
  listenToDivider((share) => {
    view.divide(share);
    controls.placeDivider(view.divider);
  });
  if (sound) view.onTurn = (now) => sound.follow(now);
  listen(canvas, view.camera, act, view.wake);
  if (hasOrientation()) {
    const button = element("device", HTMLButtonElement);
    const follower = new DeviceLook(view.camera, view.wake, (sentence) => {
      button.setAttribute("aria-pressed", String(follower.on));
      if (sentence) controls.note(sentence);
    });
    button.hidden = false;
    button.addEventListener("click", async () => {
      await follower.toggle();
      view.wake();
    });
  }
  const headset = offerHeadset(view, act, (sentence) => controls.note(sentence));
  return { controls, headset };
}

/**
 * Go to the look, frame and decoder named in the address.
 *
 * @param {View} view
 * @returns {string} the decoder to begin with.
 */
function begin(view) {
  const names = view.description.decoders.map(({ name }) => name);
  const start = startOf(location.hash, view.description.frames, names);
  view.camera.lookAt(start.look);
  if (start.frame !== null) {
    view.playback.playing = false;
    view.playback.seek(start.frame);
  }
  view.wake();
  return start.decoder ?? (view.left.wanted || names[0]);
}

/**
 * Offer a headset, if there is one.
 *
 * @param {View} view
 * @param {(action: Action) => void} act
 * @param {(sentence: string) => void} note
 * @returns {Headset}
 */
function offerHeadset(view, act, note) {
  const button = element("headset", HTMLButtonElement);
  const tell = (/** @type {string} */ sentence) => {
    button.setAttribute("aria-pressed", String(headset.on));
    if (sentence) note(sentence);
  };
  const headset = new Headset(view, act, tell, message);
  button.addEventListener("click", () => void headset.toggle());
  const offer = async () => {
    button.hidden = !(await hasHeadset());
  };
  const { xr } = /** @type {any} */ (navigator);
  xr?.addEventListener?.("devicechange", offer);
  void offer();
  return headset;
}

async function main() {
  const description = await loadDescription();
  const xrCompatible = "xr" in navigator;
  const options = { alpha: false, antialias: false, depth: false, xrCompatible };
  const gl = /** @type {WebGL2RenderingContext | null} */ (canvas.getContext("webgl2", options));
  if (!gl) {
    showFlat(description, undecodable("This browser offers no WebGL 2 here", description));
    return;
  }
  const view = new View(canvas, gl, description, (error) => say(sentenceOf(error)));
  root.classList.toggle("undecoded", !view.decodes);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    view.playback.playing = false;
    view.camera.inertia = false;
  }
  const { controls, headset } = connect(view);
  controls.showTicks(description.chapters.slice(1).map(({ first }) => first));
  const map = element("map", HTMLCanvasElement);
  /** @type {import("./picture/warp.js").Still | null} */
  let still = null;
  let mapped = "";
  let trouble = "";
  view.onTrouble = (error) => {
    if (trouble) unsay(trouble);
    trouble = error ? sentenceOf(error) : "";
    if (trouble) say(trouble);
  };
  view.onFrame = (now) => {
    const look = view.camera.look();
    controls.showPlace();
    controls.showLoading(view.panes.map(({ loading }) => loading).find(Boolean) ?? "");
    if (view.recorder.full) saveRecording(view.recorder, controls);
    controls.showRecording(view.recorder);
    places?.show(now);
    controls.showNumbers(now, () => ({
      display: view.displayRate(now),
      decode: view.left.decoding.rate(now),
      latency: view.left.decoding.latency,
      look,
      decoder: view.panes.flatMap(({ shown }) => shown || []).join(", "),
    }));
    // Redrawing the map causes a layout, which takes time from decoding.
    const state = `${look.yaw} ${look.pitch} ${look.roll} ${look.hfov} ${view.aspect}`;
    const same = state === mapped && (still === view.still || !view.still);
    if (same || root.classList.contains("quiet")) return;
    mapped = state;
    still = view.still ?? still;
    drawMap(map, still?.small ?? null, look, view.aspect);
  };
  surviveLoss(view, headset);
  const places = description.live ? new Places(view, description.live) : null;
  const count = description.decoders.length;
  view.onDecoder = () => {
    const names = view.panes.map(({ wanted, asked }) => wanted || asked);
    controls.showDecoder(names[names.length - 1], count);
    controls.showSides(names, view.divider);
  };
  const decoder = begin(view);
  window.addEventListener("hashchange", () => view.left.open(begin(view)));
  controls.showDecoder(decoder, count);
  view.left.open(view.left.asked || decoder);
}

showLoading("Loading…");
main().catch((error) => {
  console.error(error);
  showLoading("");
  say(sentenceOf(error));
});
