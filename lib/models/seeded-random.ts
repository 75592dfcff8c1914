import { createHash } from 'node:crypto';

/** A seed of 48 bits for one thing out of a model's seed and the thing's name, so that no two share their numbers. */
export function derivedSeed(seed: number, name: string): number {
  return createHash('sha256').update(`${seed}\0${name}`).digest().readUIntBE(0, 6);
}

/** Uniform whole numbers from 0 to 2^32 - 1, the same on every machine (xorshift32, never seeded with 0). */
export function seededNumbers(seed: number): () => number {
  let state = (seed % 0x1_0000_0000) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
