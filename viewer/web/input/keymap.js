/** Table of all keys of the page; it matches the window's (`viewer/input/keymap.py`). */

/** @typedef {import("./camera.js").Drive} Drive */

/**
 * Actions that keys and buttons trigger.
 *
 * @typedef {"zoom in" | "zoom out" | "reset" | "inertia" | "play" | "previous frame" | "next frame"
 *   | "slower" | "faster" | "loop" | "decoder" | "compositing" | "fullscreen" | "overlay"
 *   | "keys"} Action
 */

/**
 * Keys by their position on a US keyboard (`KeyA`), or by the typed character.
 *
 * @typedef {{keys: string[], label: string, text: string, drive?: Drive, action?: Action}} Binding
 */

/** @type {Binding[]} */
export const KEYMAP = [
  { keys: ["ArrowLeft", "KeyA"], label: "← A", drive: "left", text: "Look left" },
  { keys: ["ArrowRight", "KeyD"], label: "→ D", drive: "right", text: "Look right" },
  { keys: ["ArrowUp", "KeyW"], label: "↑ W", drive: "up", text: "Look up" },
  { keys: ["ArrowDown", "KeyS"], label: "↓ S", drive: "down", text: "Look down" },
  { keys: ["+", "="], label: "+", action: "zoom in", text: "Zoom in (also wheel and pinch)" },
  { keys: ["-", "_"], label: "−", action: "zoom out", text: "Zoom out" },
  { keys: ["KeyQ"], label: "Q", drive: "lean left", text: "Lean left" },
  { keys: ["KeyE"], label: "E", drive: "lean right", text: "Lean right" },
  { keys: ["Home", "0"], label: "Home 0", action: "reset", text: "Back to the first view" },
  { keys: ["KeyI"], label: "I", action: "inertia", text: "Inertia on or off" },
  { keys: ["Space"], label: "Space", action: "play", text: "Play or pause" },
  { keys: [","], label: ",", action: "previous frame", text: "One frame back" },
  { keys: ["."], label: ".", action: "next frame", text: "One frame on" },
  { keys: ["["], label: "[", action: "slower", text: "Play slower" },
  { keys: ["]"], label: "]", action: "faster", text: "Play faster" },
  { keys: ["KeyL"], label: "L", action: "loop", text: "Loop on or off" },
  { keys: ["KeyN"], label: "N", action: "decoder", text: "Next decoder of the scene" },
  { keys: ["KeyP"], label: "P", action: "compositing", text: "Decoded picture alone, its share, or all" },
  { keys: ["KeyF"], label: "F", action: "fullscreen", text: "Full screen on or off" },
  { keys: ["KeyH"], label: "H", action: "overlay", text: "Show or hide the overlay" },
  { keys: ["?", "F1"], label: "?", action: "keys", text: "Show or hide the keys" },
];

/** @type {ReadonlySet<Action | undefined>} */
const REPEATED = new Set(/** @type {const} */ (["zoom in", "zoom out", "previous frame", "next frame"]));

/**
 * Return the binding of a keyboard event; null if it belongs to the browser.
 *
 * @param {Pick<KeyboardEvent, "code" | "key" | "repeat" | "ctrlKey" | "altKey" | "metaKey">} event
 * @returns {Binding | null}
 */
export function bindingOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const code = event.code || `Key${event.key.toUpperCase()}`; // keys on a screen have no place
  const found = KEYMAP.find(({ keys }) => keys.includes(event.key) || keys.includes(code));
  if (!found || (event.repeat && found.action && !REPEATED.has(found.action))) return null;
  return found;
}
