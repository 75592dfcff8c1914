import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Pool } from '../../lib/engine/addon.js';
import { areFinite, SequenceStates } from '../../lib/embed/sequence-states.js';
import { windowsOf } from '../../lib/embed/token-windows.js';
import { largestDifference } from '../safetensors.js';
import { naiveStates } from './naive-states.js';

const WIDTH = 3;
const POOLS: readonly Pool[] = ['mean', 'cls', 'max', 'tokens'];

describe('the states of a sequence in several windows', () => {
  const cases = fc.record({
    part: fc.constantFrom<'protein' | 'dna'>('protein', 'dna'),
    total: fc.integer({ min: 1, max: 120 }),
    limit: fc.integer({ min: 1, max: 40 }),
    seed: fc.integer({ min: 1, max: 1000 }),
    pools: fc.shuffledSubarray([...POOLS], { minLength: 1 }),
    specialTokens: fc.boolean(),
  });

  it('are those of the naive computation from all states', () => {
    fc.assert(
      fc.property(cases, ({ part, total, limit, seed, pools, specialTokens }) => {
        const windows = windowsOf(total, limit);
        const layers = [0, 1];
        const rows = (layer: number, window: number): Float32Array[] =>
          Array.from({ length: windows.size + 2 }, (_, row) =>
            Float32Array.from({ length: WIDTH }, (__, at) =>
              Math.sin(seed * (1 + layer + 7 * window + 31 * row + 5 * at)),
            ),
          );
        const states = new SequenceStates(part, windows, { layers, pools, specialTokens });
        for (let window = 0; window < windows.count; window++) {
          for (const layer of layers) {
            states.enter(window, layer, Float32Array.from(rows(layer, window).flatMap((row) => [...row])));
          }
        }
        const pooled = states.pooled();
        assert.deepEqual(Object.keys(pooled), pools);
        for (const layer of layers) {
          const naive = naiveStates(part, total, limit, (window) => rows(layer, window));
          for (const pool of pools) {
            const wanted =
              pool === 'tokens' ? flat(specialTokens ? naive.tokens : naive.tokens.slice(1, -1)) : naive[pool];
            assert.equal(pooled[pool]![layer]!.length, wanted.length);
            const difference = largestDifference(pooled[pool]![layer]!, Float32Array.from(wanted));
            assert.ok(difference < 1e-6, `${pool} differs by ${difference}`);
          }
        }
      }),
    );
  });

  it('keep what is no number', () => {
    const windows = windowsOf(5, 3);
    const states = new SequenceStates('protein', windows, {
      layers: [0],
      pools: ['mean', 'max'],
      specialTokens: false,
    });
    for (let window = 0; window < windows.count; window++) {
      states.enter(window, 0, new Float32Array(5 * WIDTH).fill(window === 1 ? NaN : 1));
    }
    const { mean, max } = states.pooled();
    assert.ok(mean![0]!.every(Number.isNaN) && max![0]!.every(Number.isNaN));
  });
});

describe('states', () => {
  it('are finite, or not', () => {
    assert.equal(areFinite(Float32Array.of()), true);
    assert.equal(areFinite(Float32Array.of(0, -1e38, 1e38)), true);
    for (const odd of [NaN, Infinity, -Infinity]) assert.equal(areFinite(Float32Array.of(1, odd, 2)), false);
  });
});

function flat(rows: readonly Float64Array[]): number[] {
  return rows.flatMap((row) => [...row]);
}
