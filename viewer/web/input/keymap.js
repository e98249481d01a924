/** Table of all keys of the page; it matches the window's (`viewer/input/keymap.py`). */

/** @typedef {import("./camera.js").Drive} Drive */

/**
 * Actions that keys and buttons trigger.
 *
 * @typedef {"zoom in" | "zoom out" | "reset" | "inertia" | "play" | "previous frame" | "next frame"
 *   | "slower" | "faster" | "loop" | "mute" | "louder" | "quieter" | "decoder" | "split" | "compositing" | "record"
 *   | "fullscreen" | "overlay" | "keys"} Action
 */

/**
 * Keys by their place (`codes`, named after a US keyboard), or by the characters that they type;
 * and what a scene must have for them to be of use.
 *
 * @typedef {"sound" | "decoders"} Need
 * @typedef {{codes?: string[], keys?: string[], label: string, text: string, drive?: Drive,
 *   action?: Action, needs?: Need}} Binding
 */

/** @type {Binding[]} */
export const KEYMAP = [
  { codes: ["ArrowLeft", "KeyA"], label: "← A", drive: "left", text: "Look left" },
  { codes: ["ArrowRight", "KeyD"], label: "→ D", drive: "right", text: "Look right" },
  { codes: ["ArrowUp", "KeyW"], label: "↑ W", drive: "up", text: "Look up" },
  { codes: ["ArrowDown", "KeyS"], label: "↓ S", drive: "down", text: "Look down" },
  { keys: ["+", "="], label: "+", action: "zoom in", text: "Zoom in (also wheel and pinch)" },
  { keys: ["-", "_"], label: "−", action: "zoom out", text: "Zoom out" },
  { codes: ["KeyQ"], label: "Q", drive: "lean left", text: "Lean left" },
  { codes: ["KeyE"], label: "E", drive: "lean right", text: "Lean right" },
  { keys: ["home", "0"], label: "Home 0", action: "reset", text: "Back to the first view" },
  { keys: ["i"], label: "I", action: "inertia", text: "Inertia on or off" },
  { keys: [" "], label: "Space", action: "play", text: "Play or pause" },
  { keys: [","], label: ",", action: "previous frame", text: "One frame back" },
  { keys: ["."], label: ".", action: "next frame", text: "One frame on" },
  { keys: ["["], label: "[", action: "slower", text: "Play slower" },
  { keys: ["]"], label: "]", action: "faster", text: "Play faster" },
  { keys: ["l"], label: "L", action: "loop", text: "Loop on or off" },
  { keys: ["v"], label: "V", action: "mute", text: "Sound on or off", needs: "sound" },
  { keys: ["pageup"], label: "Page up", action: "louder", text: "Louder", needs: "sound" },
  { keys: ["pagedown"], label: "Page down", action: "quieter", text: "Quieter", needs: "sound" },
  { keys: ["n"], label: "N", action: "decoder", text: "Next decoder of the scene", needs: "decoders" },
  { keys: ["c"], label: "C", action: "split", text: "Compare two decoders, or stop", needs: "decoders" },
  { keys: ["p"], label: "P", action: "compositing", text: "Decoded picture alone, its share, or all" },
  { keys: ["r"], label: "R", action: "record", text: "Record where you look, or stop" },
  { keys: ["f"], label: "F", action: "fullscreen", text: "Full screen on or off" },
  { keys: ["h"], label: "H", action: "overlay", text: "Show or hide the overlay" },
  { keys: ["?", "f1"], label: "?", action: "keys", text: "Show or hide the keys" },
];

/** @type {ReadonlySet<Action | undefined>} */
const REPEATED = new Set(/** @type {const} */ ([
  "zoom in", "zoom out", "previous frame", "next frame", "louder", "quieter",
])); // prettier-ignore

/**
 * @typedef {Pick<KeyboardEvent, "code" | "key" | "repeat" | "ctrlKey" | "altKey" | "metaKey">
 *   & {getModifierState?: (name: string) => boolean}} Key
 */

/**
 * Return the binding of a keyboard event; null if it belongs to the browser.
 *
 * Characters come first: where another layout types one at a place of this table, it is printed on
 * the key.
 *
 * @param {Key} event
 * @returns {Binding | null}
 */
export function bindingOf(event) {
  const { key, code, repeat, ctrlKey, altKey, metaKey } = event;
  // Some layouts type punctuation with Alt or AltGr, and Windows reports AltGr with Ctrl.
  const typed = /^[^\p{L}\s]$/u.test(key) && (altKey || event.getModifierState?.("AltGraph"));
  const composed = typed && (!ctrlKey || event.getModifierState?.("AltGraph"));
  if (metaKey || ((ctrlKey || altKey) && !composed)) return null;
  const character = characterOf(key, code);
  const found =
    KEYMAP.find(({ keys }) => keys?.includes(character)) ??
    KEYMAP.find(({ codes }) => codes?.includes(placeOf(key, code)));
  if (!found || (repeat && found.action && !REPEATED.has(found.action))) return null;
  return found;
}

/**
 * Return how a key moves the look by its place, whatever modifiers were pressed after it.
 *
 * @param {Pick<Key, "code" | "key">} event
 * @returns {Drive | undefined}
 */
export function driveOf({ key, code }) {
  return KEYMAP.find(({ codes }) => codes?.includes(placeOf(key, code)))?.drive;
}

/**
 * Return the character of a key. Keys of another script count by their place.
 *
 * @param {string} key
 * @param {string} code
 * @returns {string}
 */
function characterOf(key, code) {
  const foreign = /^\P{ASCII}$/u.test(key) && /^Key[A-Z]$/.test(code);
  return (foreign ? code.slice(3) : key).toLowerCase();
}

/**
 * Return the place of a key; keys on a screen have none of their own.
 *
 * @param {string} key
 * @param {string} code
 * @returns {string}
 */
function placeOf(key, code) {
  return code || (key.length === 1 ? `Key${key.toUpperCase()}` : key);
}
