// @ts-check

/**
 * Repeatable random choices (Mulberry32).
 */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `below` - 1. @param {number} below */
  below(below) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** @template T @param {readonly T[]} values not empty @returns {T} */
  of(values) {
    return /** @type {T} */ (values[this.below(values.length)]);
  }

  /** True once in `times`. @param {number} times */
  once(times) {
    return this.below(times) === 0;
  }
}
