import type { Part } from './token-sequences.js';

/** What the engine's pools are to make of the states of one sequence, computed in float64. */
export interface PooledStates {
  readonly mean: Float32Array;
  readonly cls: Float32Array;
  readonly max: Float32Array;
}

/** ESM-2 pools the residues, at most the first 1024; DNABERT every token. @param states [tokens, width] */
export function pooledOf(part: Part, states: Float32Array, tokens: number): PooledStates {
  const width = states.length / tokens;
  const [first, last] = part === 'protein' ? [1, Math.min(tokens - 1, 1 + 1024)] : [0, tokens];
  const column = (index: number): Float64Array =>
    Float64Array.from({ length: last - first }, (_, row) => states[(first + row) * width + index]!);
  const each = (value: (column: Float64Array) => number): Float32Array =>
    Float32Array.from({ length: width }, (_, index) => value(column(index)));
  return {
    mean: each((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    cls: states.slice(0, width),
    max: each((values) => Math.max(...values)),
  };
}
