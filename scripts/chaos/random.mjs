// @ts-check
import { derivedSeed, seededNumbers } from '../../dist/lib/models/random/random-contents.js';

/** Repeatable random choices. Each fault has its own, so it is the same when run alone and among others. */
export class Random {
  #next;

  /** @param {number} seed @param {string} name of its purpose */
  constructor(seed, name) {
    this.#next = seededNumbers(derivedSeed(seed, name));
  }

  /** At least 0 and less than 1. */
  fraction() {
    return this.#next() / 2 ** 32;
  }

  /** A whole number from 0 to `count` - 1. @param {number} count */
  below(count) {
    return Math.floor(this.fraction() * count);
  }

  /** @template T @param {readonly T[]} list not empty @returns {T} */
  of(list) {
    return /** @type {T} */ (list[this.below(list.length)]);
  }

  /** Fractions from 0 to 1, one in each of `count` equal parts, in random order. @param {number} count */
  spread(count) {
    const shares = Array.from({ length: count }, (_, part) => (part + this.fraction()) / count);
    for (let last = count - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const [one, two] = [shares[last], shares[other]];
      shares[last] = /** @type {number} */ (two);
      shares[other] = /** @type {number} */ (one);
    }
    return shares;
  }
}
