import fc from 'fast-check';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import { pack } from '../golden-model.js';

export type Part = 'dna' | 'protein';

/** The golden models' vocabulary, the minimum number of tokens that they average, and their width. */
export const PARTS = {
  dna: { vocabulary: 512, shortest: 1, width: 48 },
  protein: { vocabulary: 33, shortest: 3, width: 64 },
} as const;

/** Token ids that depend on the seed alone. */
export function randomTokens(part: Part, length: number, seed: number): number[] {
  const next = seededNumbers(seed);
  return Array.from({ length }, () => next() % PARTS[part].vocabulary);
}

/** Sequences of 1 to 300 tokens that a model can average. */
export function tokenSequence(part: Part): fc.Arbitrary<number[]> {
  const { shortest } = PARTS[part];
  return fc
    .tuple(fc.integer({ min: shortest, max: 300 }), fc.nat())
    .map(([length, seed]) => randomTokens(part, length, seed));
}

/** A batch of sequences of the given lengths. */
export function randomBatch(part: Part, lengths: readonly number[], seed = 1): PackedTokens {
  return pack(lengths.map((length, index) => randomTokens(part, length, seed + index)));
}
