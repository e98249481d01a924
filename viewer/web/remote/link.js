/**
 * The WebSocket over which the server's machine decodes for this page, as described in
 * `viewer/sharing/messages.py`. It opens again by itself whenever it is lost. No DOM.
 */

/** @typedef {import("../look.js").Look} Look */

/**
 * A picture as it was sent.
 *
 * @typedef {{number: number, id: number, generation: number, frame: number, look: number[],
 *   width: number, height: number, colour: number, alpha: number}} Header
 * @typedef {{header: Header, colours: ImageBitmap, alphas: ImageBitmap | null}} Arrival
 * @typedef {{id: number, generation: number, decoder: string, frame: number, look: number[],
 *   width: number}} Ask
 * @typedef {{error: string, generation: number, id: number, ended: boolean}} Failure
 */

const VERSION = 1;
const PING_MS = 1000;
const SILENT_MS = 2500;
const DEAD_MS = 10000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 4000;
const RATES_MS = 3000;
const TOO_MANY = 1013;
const MOST_UNPACKED = 3;

const NO_ANSWER =
  "The server does not answer. The page goes on with what it has, and asks again and again.";

/**
 * Return the parts of a picture's message.
 *
 * @param {ArrayBuffer} message
 * @returns {{header: Header, colour: Uint8Array<ArrayBuffer>, alpha: Uint8Array<ArrayBuffer>}}
 */
export function parts(message) {
  const begin = 4 + new DataView(message).getUint32(0, true);
  /** @type {Header} */
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, begin - 4)));
  const colour = new Uint8Array(message, begin, header.colour);
  const alpha = new Uint8Array(message, begin + header.colour, header.alpha);
  return { header, colour, alpha };
}

/** Sums of what happened of late. */
export class Recent {
  /** @type {{at: number, amount: number}[]} */
  #events = [];

  /**
   * @param {number} now - milliseconds.
   * @param {number} amount
   */
  add(now, amount) {
    this.#events = [...this.#events.filter(({ at }) => now - at < RATES_MS), { at: now, amount }];
  }

  /**
   * Return the amount per second.
   *
   * @param {number} now
   * @returns {number}
   */
  rate(now) {
    const late = this.#events.filter(({ at }) => now - at < RATES_MS);
    return late.reduce((sum, { amount }) => sum + amount, 0) / (RATES_MS / 1000);
  }
}

/** Connection to the server, with its round trip and its rate. */
export class Link {
  /** @type {WebSocket | null} */
  #socket = null;
  #retryMs = FIRST_RETRY_MS;
  #retrying = 0;
  #pinging = 0;
  #heard = 0;
  #ticked = 0;
  #unpacking = 0;
  #newest = 0;
  /**
   * The newest picture that has not been unpacked yet.
   *
   * @type {ArrayBuffer | null}
   */
  #next = null;
  #bytes = new Recent();

  /**
   * @param {string} url
   * @param {string} scene - id of the scene that the page shows.
   */
  constructor(url, scene) {
    this.url = url;
    this.scene = scene;
    /** Whether the server has said hello and answers. */
    this.open = false;
    /** Why the server cannot be used; empty if it can, or if that is not known yet. */
    this.trouble = "";
    /** Number of connections so far: asks of earlier ones are lost. */
    this.epoch = 0;
    /** Milliseconds of a round trip; 0 if unknown. */
    this.roundTrip = 0;
    /** @type {(arrival: Arrival) => void} */
    this.onPicture = () => {};
    /** @type {(failure: Failure) => void} */
    this.onError = () => {};
    /** @type {(course: import("./course.js").Course) => void} */
    this.onCourse = () => {};
    /** Called after `open`, `trouble` or what the server decodes has changed. */
    this.onChange = () => {};
  }

  /**
   * Return kilobytes per second of late.
   *
   * @param {number} now
   * @returns {number}
   */
  kilobytes(now) {
    return this.#bytes.rate(now) / 1000;
  }

  /** Connect, unless connected. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#retrying);
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard = this.#ticked = performance.now();
    this.#newest = 0;
    this.#next = null;
    socket.onmessage = ({ data }) => this.#hear(socket, data);
    socket.onclose = ({ code, reason }) => this.#lose(socket, code, reason);
    clearInterval(this.#pinging);
    this.#pinging = setInterval(() => this.#tick(socket), PING_MS);
  }

  /** Disconnect, and stay so. */
  disconnect() {
    clearTimeout(this.#retrying);
    clearInterval(this.#pinging);
    const socket = this.#socket;
    this.#socket = this.#next = null;
    socket?.close();
    this.#become(false, "");
  }

  /** @param {Ask} ask */
  ask(ask) {
    this.#say({ ask });
  }

  /** @param {Record<string, unknown>} message */
  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /**
   * @param {boolean} open
   * @param {string} trouble
   */
  #become(open, trouble) {
    if (open === this.open && trouble === this.trouble) return;
    this.open = open;
    this.trouble = trouble;
    this.onChange();
  }

  /**
   * @param {WebSocket} socket
   * @param {string | ArrayBuffer} data
   */
  #hear(socket, data) {
    if (socket !== this.#socket) return;
    const now = performance.now();
    this.#heard = now;
    this.#bytes.add(now, typeof data === "string" ? data.length : data.byteLength);
    if (typeof data !== "string") {
      if (this.#unpacking < MOST_UNPACKED) void this.#unpack(socket, data);
      else this.#next = data;
    } else {
      const message = JSON.parse(data);
      if (message.hello) return this.#greet(message.hello);
      if (message.pong !== undefined) this.roundTrip = now - message.pong;
      if (message.error !== undefined) this.onError(message);
      if (message.course !== undefined) this.onCourse(message.course);
      if (message.renewed !== undefined) {
        this.epoch += 1;
        this.onChange();
      }
    }
    if (this.epoch && !this.open) this.#become(true, "");
  }

  /** @param {{version: number, scene: string}} hello */
  #greet({ version, scene }) {
    if (version !== VERSION || scene !== this.scene) {
      const sentence = "The server shows another scene now: load this page again.";
      this.disconnect();
      return this.#become(false, sentence);
    }
    this.epoch += 1;
    this.#retryMs = FIRST_RETRY_MS;
    this.#become(true, "");
    this.#say({ ping: performance.now() });
  }

  /**
   * Unpack a picture, let the server send another, and go on with the newest that waits. What
   * comes after a newer picture is dropped.
   *
   * @param {WebSocket} socket
   * @param {ArrayBuffer} data
   */
  async #unpack(socket, data) {
    const { header, colour, alpha } = parts(data);
    this.#unpacking += 1;
    try {
      const [colours, alphas] = await Promise.all([
        bitmap(colour),
        header.alpha ? bitmap(alpha) : null,
      ]);
      if (socket !== this.#socket || header.number < this.#newest) {
        colours.close();
        alphas?.close();
        return;
      }
      this.#newest = header.number;
      this.onPicture({ header, colours, alphas });
    } finally {
      this.#unpacking -= 1;
      // It counts for all pictures before, so also for those that were replaced.
      if (socket === this.#socket) this.#say({ seen: header.number });
      const next = this.#next;
      this.#next = null;
      if (next && this.#socket) void this.#unpack(this.#socket, next);
    }
  }

  /** @param {WebSocket} socket */
  #tick(socket) {
    if (socket !== this.#socket) return;
    const now = performance.now();
    // A page in the background is rarely called: then the silence is its own.
    if (now - this.#ticked > 2 * PING_MS) this.#heard = now;
    this.#ticked = now;
    this.#say({ ping: now });
    const silence = now - this.#heard;
    if (silence > SILENT_MS) this.#become(false, NO_ANSWER);
    if (silence > DEAD_MS) {
      socket.onclose = null;
      socket.close();
      this.#lose(socket, 0, "");
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  #lose(socket, code, reason) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearInterval(this.#pinging);
    this.#become(false, code === TOO_MANY ? `${reason}.` : NO_ANSWER);
    this.#retrying = setTimeout(() => this.connect(), this.#retryMs);
    this.#retryMs = code === TOO_MANY ? LAST_RETRY_MS : Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} jpeg
 * @returns {Promise<ImageBitmap>}
 */
function bitmap(jpeg) {
  const options = /** @type {const} */ ({ colorSpaceConversion: "none" });
  return createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }), options);
}
