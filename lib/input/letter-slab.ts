import { untransferableArray } from './untransferable.js';

/** Arrays of more letters than this have memory of their own: their cost is in their letters. */
const LONGEST_IN_SLAB = 16 * 1024;
const SLAB_LETTERS = 4 * LONGEST_IN_SLAB;

/**
 * Cuts small arrays of letters out of large ones. An array's own memory lies outside the garbage collector's space, and
 * to give it out and take it back costs several times what is done to the letters of one frame. A slab lives as long as
 * any array that was cut out of it.
 */
export class LetterSlab {
  #slab = new Uint8Array(0);
  #used = 0;

  /** @returns an array of zeros */
  take(count: number): Uint8Array {
    if (count > LONGEST_IN_SLAB) return untransferableArray(count);
    if (this.#used + count > this.#slab.length) {
      this.#slab = untransferableArray(SLAB_LETTERS);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += count;
    return this.#slab.subarray(start, this.#used);
  }
}
