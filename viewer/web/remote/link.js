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
 * @typedef {{id: number, generation: number, decoder: string, side: number, frame: number,
 *   look: number[], width: number}} Ask
 * @typedef {{error: string, generation: number, id: number, ended: boolean}} Failure
 *
 * @typedef {{header: Header, colour: Uint8Array<ArrayBuffer>, alpha: Uint8Array<ArrayBuffer>}} Packed
 */

/**
 * Who gets the pictures and errors of one generation. The link keeps there the number of the newest
 * picture, and the newest one that has not been unpacked yet.
 *
 * @typedef {{newest: number, next: Packed | null, receive: (arrival: Arrival) => void,
 *   fail: (failure: Failure) => void}} Listener
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
 * @returns {Packed}
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
    /**
     * Listeners by their generation.
     *
     * @type {Map<number, Listener>}
     */
    this.listeners = new Map();
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
    for (const listener of this.listeners.values()) Object.assign(listener, { newest: 0, next: null });
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
    this.#socket = null;
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
      const packed = parts(data);
      const listener = this.listeners.get(packed.header.generation);
      if (!listener) this.#say({ seen: packed.header.number });
      else if (this.#unpacking < MOST_UNPACKED) void this.#unpack(socket, listener, packed);
      else listener.next = packed;
    } else {
      const message = JSON.parse(data);
      if (message.hello) return this.#greet(message.hello);
      if (message.pong !== undefined) this.roundTrip = now - message.pong;
      if (message.error !== undefined) this.listeners.get(message.generation)?.fail(message);
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
   * Unpack a picture, let the server send another, and go on with the oldest that waits. What
   * comes after a newer picture of its listener is dropped.
   *
   * @param {WebSocket} socket
   * @param {Listener} listener
   * @param {Packed} packed
   */
  async #unpack(socket, listener, { header, colour, alpha }) {
    this.#unpacking += 1;
    try {
      const [colours, alphas] = await Promise.all([
        bitmap(colour),
        header.alpha ? bitmap(alpha) : null,
      ]);
      const listens = this.listeners.get(header.generation) === listener;
      if (!listens || socket !== this.#socket || header.number < listener.newest) {
        colours.close();
        alphas?.close();
        return;
      }
      listener.newest = header.number;
      listener.receive({ header, colours, alphas });
    } finally {
      this.#unpacking -= 1;
      // It counts for all pictures before, so also for those that were replaced.
      if (socket === this.#socket) this.#say({ seen: header.number });
      this.#unpackNext();
    }
  }

  /** Unpack the oldest of the pictures that wait. */
  #unpackNext() {
    /** @type {Listener | null} */
    let oldest = null;
    for (const each of this.listeners.values())
      if (each.next && !(oldest?.next && oldest.next.header.number < each.next.header.number))
        oldest = each;
    const packed = oldest?.next;
    if (!oldest || !packed || !this.#socket) return;
    oldest.next = null;
    void this.#unpack(this.#socket, oldest, packed);
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
