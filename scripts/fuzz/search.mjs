// @ts-check
import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers';
import { Random } from './random.mjs';

/**
 * @typedef {object} Target
 * @property {(bytes: Buffer) => unknown} run throws, or rejects, when it finds a fault
 * @property {import('./mutations.mjs').Mutation} mutate
 * @property {readonly Buffer[]} dictionary
 * @property {number} longest maximum bytes of an input
 *
 * @typedef {{ bytes: Buffer, features: Uint8Array }} Kept
 */

/** How often a branch was taken, as one of eight bits. @param {number} count */
function step(count) {
  if (count < 4) return 1 << (count - 1);
  if (count < 8) return 8;
  if (count < 16) return 16;
  if (count < 32) return 32;
  return count < 128 ? 64 : 128;
}

/**
 * Looks for inputs that take a branch for the first time or more often than before, and continues from those, as AFL
 * does (Zalewski 2014), in one process.
 */
export class Search {
  /** @type {Kept[]} */
  kept = [];
  executions = 0;
  #seen;
  #target;
  #counters;
  #random;

  /** @param {Target} target @param {Uint32Array} counters @param {number} seed */
  constructor(target, counters, seed) {
    this.#target = target;
    this.#counters = counters;
    this.#seen = new Uint8Array(counters.length);
    this.#random = new Random(seed);
  }

  /** Branches taken by any input so far. */
  get branches() {
    return this.#seen.reduce((sum, steps) => sum + (steps === 0 ? 0 : 1), 0);
  }

  /** Runs an input and keeps it if it does something new. Throws what the target throws. @param {Buffer} bytes */
  async take(bytes) {
    const features = await this.#run(bytes);
    let isNew = false;
    for (let at = 0; at < features.length; at++) {
      const seen = /** @type {number} */ (this.#seen[at]);
      const now = /** @type {number} */ (features[at]);
      if ((now & ~seen) === 0) continue;
      isNew = true;
      this.#seen[at] = seen | now;
    }
    if (isNew) this.kept.push({ bytes, features });
    return isNew;
  }

  /** The next input to try. */
  next() {
    const random = this.#random;
    // Every other time one of the latest, which have got further than the first.
    const recent = Math.max(0, this.kept.length - 1 - random.below(16));
    const { bytes } = /** @type {Kept} */ (this.kept[random.once(2) ? recent : random.below(this.kept.length)]);
    const { mutate, dictionary, longest } = this.#target;
    return mutate(bytes, random, dictionary, random.of(this.kept).bytes).subarray(0, longest);
  }

  /**
   * A small set of short inputs that take every branch taken so far: shortest first, each input that takes a branch not
   * yet covered, cut down as far as it still takes the same branches.
   */
  async minimised() {
    const shortestFirst = [...this.kept].sort((a, b) => a.bytes.length - b.bytes.length);
    const covered = new Uint8Array(this.#seen.length);
    const needed = [];
    for (const { bytes, features } of shortestFirst) {
      if (features.every((steps, at) => steps === 0 || covered[at] === 1)) continue;
      features.forEach((steps, at) => (covered[at] ||= Math.min(steps, 1)));
      needed.push(await this.#shortened(bytes, features));
    }
    return needed;
  }

  /** @param {Buffer} bytes @param {Uint8Array} features */
  async #shortened(bytes, features) {
    let best = bytes;
    for (let length = best.length >> 1; length > 0; length >>= 1) {
      for (let start = 0; start + length <= best.length;) {
        const shorter = Buffer.concat([best.subarray(0, start), best.subarray(start + length)]);
        const now = await this.#run(shorter);
        if (features.every((steps, at) => (steps === 0) === (now[at] === 0))) best = shorter;
        else start += length;
        if (this.executions % 1000 === 0) await nextTurn();
      }
    }
    return best;
  }

  /** @param {Buffer} bytes */
  async #run(bytes) {
    this.#counters.fill(0);
    this.executions++;
    await this.#target.run(bytes);
    const features = new Uint8Array(this.#counters.length);
    for (let at = 0; at < features.length; at++) {
      const count = /** @type {number} */ (this.#counters[at]);
      if (count > 0) features[at] = step(count);
    }
    return features;
  }
}

/** Lets the thread's messages through. */
export function nextTurn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
