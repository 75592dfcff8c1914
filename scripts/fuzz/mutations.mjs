// @ts-check
import { Buffer } from 'node:buffer';

/**
 * @typedef {import('./random.mjs').Random} Random
 * @typedef {(bytes: Buffer, random: Random, dictionary: readonly Buffer[], other: Buffer) => Buffer} Mutation
 */

const NUMBERS = [0, 1, 2, 16, 32, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** @type {readonly Mutation[]} */
const MUTATIONS = [
  // One bit, one byte, or a byte a little larger or smaller.
  (bytes, random) => changed(bytes, random, (byte) => byte ^ (1 << random.below(8))),
  (bytes, random) => changed(bytes, random, () => random.below(256)),
  (bytes, random) => changed(bytes, random, (byte) => byte + 1 + random.below(16)),
  (bytes, random) => changed(bytes, random, (byte) => byte - 1 - random.below(16)),
  // A number of 1, 2, 4 or 8 bytes.
  (bytes, random) => {
    const number = Buffer.alloc(8);
    number.writeUIntLE(random.of(NUMBERS), 0, 6);
    if (random.once(4)) number.fill(0xff, random.below(8));
    return overwritten(bytes, random, number.subarray(0, random.of([1, 2, 4, 8])));
  },
  // Pieces removed, inserted or repeated: from here, from another input, from the dictionary.
  (bytes, random) => {
    const start = random.below(bytes.length);
    return replaced(bytes, start, start + 1 + random.below(Math.min(64, bytes.length - start)), Buffer.alloc(0));
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => inserted(bytes, random, piece(bytes, random)),
  (bytes, random) => overwritten(bytes, random, piece(bytes, random)),
  (bytes, random, _dictionary, other) => inserted(bytes, random, piece(other, random)),
  (bytes, random, _dictionary, other) => overwritten(bytes, random, piece(other, random)),
  (bytes, random, _dictionary, other) =>
    Buffer.concat([bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length + 1))]),
  (bytes, random, dictionary) => inserted(bytes, random, random.of(dictionary)),
  (bytes, random, dictionary) => inserted(bytes, random, random.of(dictionary)),
  (bytes, random, dictionary) => overwritten(bytes, random, random.of(dictionary)),
];

/** A few changes of any kind. @type {Mutation} */
export function mutated(bytes, random, dictionary, other) {
  let result = bytes;
  for (let count = 1 << random.below(4); count > 0; count--) {
    if (result.length === 0) result = Buffer.from(random.of(dictionary));
    result = random.of(MUTATIONS)(result, random, dictionary, other);
  }
  return result;
}

/** @param {Buffer} bytes @param {Random} random @param {(byte: number) => number} change */
function changed(bytes, random, change) {
  const result = Buffer.from(bytes);
  const at = random.below(result.length);
  result[at] = change(/** @type {number} */ (result[at]));
  return result;
}

/** @param {Buffer} bytes @param {Random} random */
function piece(bytes, random) {
  const start = random.below(bytes.length + 1);
  return bytes.subarray(start, start + 1 + random.below(random.once(4) ? 256 : 16));
}

/** @param {Buffer} bytes @param {Random} random @param {Buffer} put */
function inserted(bytes, random, put) {
  const at = random.below(bytes.length + 1);
  return replaced(bytes, at, at, put);
}

/** @param {Buffer} bytes @param {Random} random @param {Buffer} put */
function overwritten(bytes, random, put) {
  const at = random.below(bytes.length + 1);
  return replaced(bytes, at, at + put.length, put);
}

/** @param {Buffer} bytes @param {number} start @param {number} end @param {Buffer} put */
function replaced(bytes, start, end, put) {
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)]);
}
