/** The switch between the two places to decode: the server's machine and this browser. */

import { duration, element, say, unsay } from "../controls.js";
import { showCourse } from "./course.js";
import { Link } from "./link.js";

/** @typedef {import("../scene/description.js").Live} Live */
/** @typedef {import("../view.js").View} View */

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
/** Latency, after which a browser is slow, and the number of pictures that show it. */
const SLOW_MS = 200;
const ENOUGH = 3;
const NUMBERS_MS = 250;

/**
 * Return true if the browser draws without a graphics card.
 *
 * @param {WebGL2RenderingContext} gl
 * @returns {boolean}
 */
export function drawsInSoftware(gl) {
  const extension = gl.getExtension("WEBGL_debug_renderer_info");
  const name = extension ? gl.getParameter(extension.UNMASKED_RENDERER_WEBGL) : "";
  return SOFTWARE.test(String(name));
}

/**
 * Return true if the server decodes at first.
 *
 * @param {{prefers: string, gpu: boolean}} live - of the page's description.
 * @param {boolean} slow - the browser draws without a graphics card, or cannot decode.
 * @returns {boolean}
 */
export function beginsThere({ prefers, gpu }, slow) {
  return prefers === "here" || (prefers === "auto" && (gpu || slow));
}

/** The two places, their rates, and which one is in use. */
export class Places {
  #shownAt = 0;
  #said = "";
  /** Rates when a place was last in use, in pictures per second. */
  #rates = { server: 0, browser: 0 };
  /** Whether the page may still change to the server by itself. */
  #undecided;

  /**
   * @param {View} view
   * @param {Live} live
   */
  constructor(view, live) {
    this.view = view;
    const url = new URL(`../${live.socket}`, import.meta.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.link = new Link(url.href, live.scene);
    this.link.onChange = () => this.#changed();
    this.link.onCourse = showCourse;
    const slow = drawsInSoftware(view.gl) || !view.decodes;
    const there = beginsThere(live, slow);
    this.#undecided = live.prefers === "auto" && !there;
    this.button = element("place", HTMLButtonElement);
    const { chapters, decoders } = view.description;
    this.button.hidden = !decoders.every(({ name }) => chapters[0].decoders[name]);
    for (const each of document.querySelectorAll(".place")) each.removeAttribute("hidden");
    this.button.addEventListener("click", () => {
      this.#undecided = false;
      this.use(!view.remote);
    });
    this.use(there);
  }

  /**
   * Decode on the server's machine, or in this browser.
   *
   * @param {boolean} there
   */
  use(there) {
    const { view, link } = this;
    if (there) link.connect();
    else link.disconnect();
    view.decodeBy(there ? link : null);
    this.button.textContent = there ? "server" : "browser";
    this.button.ariaLabel = there
      ? "Decoded by the server: decode in this browser"
      : "Decoded in this browser: decode by the server";
  }

  /**
   * Update the numbers, a few times a second, and decide where to decode.
   *
   * @param {number} now
   */
  show(now) {
    const { view, link } = this;
    const { decoding, shownThere } = view.left;
    // Pictures that take seconds have no rate of their own.
    const rate = decoding.rate(now) || (decoding.busy ? 1000 / decoding.latency : 0);
    const slow = decoding.latency > SLOW_MS && decoding.times.length >= ENOUGH;
    if (this.#undecided && slow && !view.remote) {
      this.#undecided = false;
      this.use(true);
    }
    if (now - this.#shownAt < NUMBERS_MS) return;
    this.#shownAt = now;
    const place = view.remote ? "server" : "browser";
    if (Number.isFinite(rate) && rate && shownThere === (view.remote !== null)) this.#rates[place] = rate;
    const measured = link.open
      ? `, ${duration(link.roundTrip)} round trip, ${link.kilobytes(now).toFixed(0)} kB/s`
      : "";
    const shown = (/** @type {number} */ value) => (value ? `${value.toFixed(1)} fps` : "–");
    element("place-server", HTMLElement).textContent = shown(this.#rates.server) + measured;
    element("place-browser", HTMLElement).textContent = shown(this.#rates.browser);
  }

  #changed() {
    const { link, view } = this;
    if (this.#said && this.#said !== link.trouble) unsay(this.#said);
    this.#said = link.trouble;
    if (link.trouble) say(link.trouble);
    view.canvas.dataset.link = link.open ? "open" : link.trouble ? "lost" : "closed";
    view.wake();
  }
}
