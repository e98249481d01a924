/** Plays a clip's sound by Web Audio, in time with its playback. */

import { earGains } from "./ambisonics.js";
import { OpusFile, RATE } from "./opus.js";
import { FASTEST, SLOWEST, ahead, median } from "./schedule.js";
import { Blocks, Source } from "./source.js";

/** @typedef {import("../look.js").Look} Look */
/** @typedef {import("./schedule.js").Schedule} Schedule */
/** @typedef {import("./stretching.js").Block} Block */

/** Seconds of sound that are handed over in advance. */
const AHEAD_S = 0.6;
const LEAD_S = 0.02;
const FADE_S = 0.005;
const GLIDE_S = 0.01;
/** A jump is corrected at once; a smaller difference if it is the median of so many turns. */
const JUMP_S = 0.1;
const DRIFT_S = 0.012;
const DRIFT_TURNS = 20;

/** Sound that is played on from a position. */
class Run {
  /** @type {AudioBufferSourceNode[]} */
  #nodes = [];
  /** Sample of the context at which the next block begins. */
  #next;
  #fadesIn = true;
  #busy = false;
  #ended = false;
  /** @type {number[]} */
  #late = [];

  /**
   * @param {AudioContext} context
   * @param {AudioNode} output
   * @param {Source} source
   * @param {Schedule} schedule
   * @param {number} time - of the context, at which `schedule.seconds` are heard.
   */
  constructor(context, output, source, schedule, time) {
    this.context = context;
    this.schedule = schedule;
    this.time = time;
    this.#next = Math.ceil((context.currentTime + LEAD_S) * RATE);
    this.blocks = new Blocks(source, schedule, this.at(this.#next / RATE));
    this.gain = new GainNode(context, { gain: 0 });
    this.gain.connect(output);
  }

  /**
   * Return the position in the clip that is heard at a time of the context.
   *
   * @param {number} time
   * @returns {number}
   */
  at(time) {
    const { seconds, speed, loop, duration } = this.schedule;
    const position = Math.max(seconds + (time - this.time) * speed, 0);
    return loop ? position % duration : position;
  }

  /**
   * Return false if something else is due.
   *
   * @param {Schedule} due
   * @param {number} time - of the context, at which it is due.
   * @returns {boolean}
   */
  fits(due, time) {
    const { speed, loop, duration } = this.schedule;
    if (due.speed !== speed || due.loop !== loop || due.duration !== duration) return false;
    const late = ahead(due, due.seconds, this.at(time)) / speed;
    this.#late = [...this.#late.slice(1 - DRIFT_TURNS), late];
    const drifts = this.#late.length === DRIFT_TURNS && Math.abs(median(this.#late)) > DRIFT_S;
    return Math.abs(late) <= JUMP_S && !drifts;
  }

  /** Hand over what is due soon. */
  async fill() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (!this.#ended && this.#next / RATE < this.context.currentTime + AHEAD_S)
        this.#play(await this.blocks.next());
    } finally {
      this.#busy = false;
    }
  }

  /** End at once, without a click. */
  stop() {
    const now = this.context.currentTime;
    this.#ended = true;
    this.gain.gain.cancelScheduledValues(now);
    this.gain.gain.setTargetAtTime(0, now, FADE_S / 4);
    for (const node of this.#nodes) node.stop(now + 2 * FADE_S);
    setTimeout(() => this.gain.disconnect(), 1000);
  }

  /** @param {Block} block */
  #play(block) {
    const { length } = block[0];
    if (this.#ended || length === 0) return;
    const [begin, now] = [this.#next, this.context.currentTime + LEAD_S / 2];
    const skipped = Math.max(Math.ceil(now * RATE) - begin, 0);
    this.#next += length;
    this.#fadesIn ||= skipped > 0;
    if (skipped >= length) return;
    const buffer = new AudioBuffer({ numberOfChannels: block.length, length, sampleRate: RATE });
    block.forEach((samples, k) => buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (samples), k));
    const node = new AudioBufferSourceNode(this.context, { buffer });
    node.connect(this.gain);
    node.onended = () => {
      this.#nodes = this.#nodes.filter((each) => each !== node);
      node.disconnect();
    };
    this.#nodes.push(node);
    this.#shape((begin + skipped) / RATE, this.#next / RATE);
    node.start((begin + skipped) / RATE, skipped / RATE);
  }

  /**
   * Fade in where sound begins, and out at the end of a block unless another one follows in time.
   *
   * @param {number} start
   * @param {number} end
   */
  #shape(start, end) {
    const { gain } = this.gain;
    gain.cancelScheduledValues(Math.max(start - FADE_S - 1 / RATE, 0));
    if (this.#fadesIn) {
      gain.setValueAtTime(0, start);
      gain.linearRampToValueAtTime(1, start + FADE_S);
    }
    this.#fadesIn = false;
    gain.setValueAtTime(1, Math.max(end - FADE_S, start + FADE_S));
    gain.linearRampToValueAtTime(0, end);
  }
}

/** Sound of one clip. */
export class Player {
  /** @type {Run | null} */
  #run = null;
  /** @type {GainNode[][]} */
  #ears = [];
  #gains = "";

  /** @param {AudioContext} context */
  constructor(context) {
    this.context = context;
    this.file = new OpusFile();
    this.source = new Source(this.file, async (bytes) => {
      const buffer = await context.decodeAudioData(bytes);
      return Array.from({ length: buffer.numberOfChannels }, (_, k) => buffer.getChannelData(k));
    });
    this.output = new GainNode(context, { gain: 0 });
    this.output.connect(context.destination);
    /** @type {AudioNode | null} */
    this.input = null;
  }

  /**
   * Take the next bytes of the file.
   *
   * @param {Uint8Array} bytes
   * @throws {import("../scene/errors.js").DataError} they are no sound of a clip.
   */
  take(bytes) {
    this.file.add(bytes);
    this.source.arrived(false);
  }

  /**
   * Play what is due by `schedule`, as it is heard at `look`.
   *
   * @param {Schedule} schedule
   * @param {Look} look
   * @param {number} volume - 0 to 1.
   * @returns {Promise<void>} fails if the browser cannot decode it.
   */
  async follow(schedule, look, volume) {
    const { context, file } = this;
    const { playing, speed } = schedule;
    const audible = playing && volume > 0 && SLOWEST <= speed && speed <= FASTEST;
    if (context.state !== "running" || !file.channels || !audible) return this.stop();
    this.input ??= file.channels === 4 ? this.#turning() : this.output;
    this.#mix(look, volume);
    const time = heardAt(context, schedule.time);
    if (!this.#run?.fits(schedule, time)) {
      this.stop();
      this.#run = new Run(context, this.input, this.source, schedule, time);
    }
    await this.#run.fill();
  }

  /** Be silent. */
  stop() {
    this.#run?.stop();
    this.#run = null;
  }

  /**
   * Set the gains.
   *
   * @param {Look} look
   * @param {number} volume
   */
  #mix(look, volume) {
    const gains = `${look.yaw} ${look.pitch} ${look.roll} ${volume}`;
    if (gains === this.#gains) return;
    this.#gains = gains;
    const now = this.context.currentTime;
    this.output.gain.setTargetAtTime(volume ** 2, now, GLIDE_S);
    for (const [ear, values] of earGains(look).entries())
      for (const [channel, node] of (this.#ears[ear] ?? []).entries())
        node.gain.setTargetAtTime(values[channel], now, GLIDE_S);
  }

  /**
   * Return a node that turns ambisonics with the look.
   *
   * @returns {AudioNode}
   */
  #turning() {
    const { context } = this;
    const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 4 });
    const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
    this.#ears = [0, 1].map((ear) =>
      [0, 1, 2, 3].map((channel) => {
        const node = new GainNode(context, { gain: 0 });
        splitter.connect(node, channel);
        node.connect(merger, 0, ear);
        return node;
      }),
    );
    merger.connect(this.output);
    return splitter;
  }
}

/**
 * Return the time of the context that is heard at a time of the page.
 *
 * @param {AudioContext} context
 * @param {number} ms
 * @returns {number}
 */
function heardAt(context, ms) {
  const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
  if (performanceTime > 0) return contextTime + (ms - performanceTime) / 1000;
  return context.currentTime - (context.outputLatency || 0) + (ms - performance.now()) / 1000;
}
