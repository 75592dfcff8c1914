import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { encodeProteins } from '../../lib/batches/tokens.js';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import { EmbeddingRun } from '../../lib/embed/embedding-run.js';
import type { EmbeddingRunOptions } from '../../lib/embed/embedding-run.js';
import type { EmbeddedRecord, EmbeddingRecord } from '../../lib/embed/record-progress.js';
import { SequenceEncoder } from '../../lib/embed/sequence-encoder.js';
import { startOf, windowsOf } from '../../lib/embed/token-windows.js';
import type { DevicePool } from '../../lib/engine/pool/pool.js';
import { PROTEIN_TOKENS } from '../../lib/models/tokenizers.js';
import { stateOf } from '../60-predict/fake-devices.js';
import type { Plan } from '../60-predict/fake-devices.js';
import { largestDifference } from '../safetensors.js';
import { naiveStates } from './naive-states.js';

export interface Named extends EmbeddingRecord {
  readonly id: string;
  readonly sequence: string;
}

const LIMIT = 8;
export const PLAN: Plan = { devices: 2, turns: [3, 1, 2] };
const REQUEST = { layers: [2, 0], pools: ['mean', 'max'], specialTokens: false } as const;

export const tokensOf = (sequence: string): Int32Array =>
  encodeProteins([Buffer.from(sequence)], PROTEIN_TOKENS).tokens;
export const named = (sequences: readonly string[]): Named[] =>
  sequences.map((sequence, index) => ({ id: `r${index}`, sequence }));
export const proteins = (maxLength: number) =>
  fc.array(
    fc
      .array(fc.constantFrom(...'LAGVSERTIDPKQNFYMHWC'), { minLength: 1, maxLength })
      .map((letters) => letters.join('')),
    { minLength: 1, maxLength: 30 },
  );

export function run<R extends EmbeddingRecord>(
  pool: DevicePool,
  records: Iterable<R> | AsyncIterable<R>,
  options: Partial<EmbeddingRunOptions> = {},
): EmbeddingRun<R> {
  const rules = { encoder: new SequenceEncoder('protein'), maxLength: LIMIT, longSequences: 'windows' } as const;
  const limits = { batchTokens: 30, width: 1 };
  return new EmbeddingRun(records, { share: pool.share(), rules, request: REQUEST, ...limits, ...options });
}

/** A share of the pool that hands every batch to `onBatch`, too. */
export function notingShare(pool: DevicePool, onBatch: (batch: PackedTokens) => void): EmbeddingRunOptions['share'] {
  const share = pool.share();
  return {
    workers: share.workers,
    close: () => share.close(),
    embed: (...args) => {
      onBatch(args[1]);
      return share.embed(...args);
    },
  };
}

export async function all<R extends EmbeddingRecord>(
  results: AsyncIterable<EmbeddedRecord<R>>,
): Promise<EmbeddedRecord<R>[]> {
  const found: EmbeddedRecord<R>[] = [];
  for await (const result of results) found.push(result);
  return found;
}

/** Those that the fake devices give, a long sequence from its tokens. */
function statesOf(sequence: string, pool: 'mean' | 'max', layer: number): Float32Array {
  const tokens = tokensOf(sequence);
  if (sequence.length <= LIMIT) return Float32Array.from(stateOf(tokens, layer));
  const windows = windowsOf(sequence.length, LIMIT);
  const naive = naiveStates('protein', sequence.length, LIMIT, (window) => {
    const start = startOf(windows, window);
    const own = [tokens[0]!, ...tokens.subarray(1 + start, 1 + start + LIMIT), tokens.at(-1)!];
    return own.map((token) => stateOf([token], layer));
  });
  return Float32Array.from(naive[pool]);
}

export function checkStates({ record, states }: EmbeddedRecord<Named>): void {
  for (const pool of REQUEST.pools) {
    for (const [index, layer] of REQUEST.layers.entries()) {
      const difference = largestDifference(states![pool]![index]!, statesOf(record.sequence, pool, layer));
      assert.ok(difference <= 1e-3, `${pool} of layer ${layer} differs by ${difference}`);
    }
  }
}

/** Gives its records after any turns, and notes whether it was ended. */
export class SlowSource implements AsyncIterable<Named> {
  pulled = 0;
  isEnded = false;

  constructor(
    private readonly records: readonly Named[],
    private readonly turns: readonly number[] = [0],
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Named> {
    try {
      for (const [index, record] of this.records.entries()) {
        for (let turn = 0; turn < this.turns[index % this.turns.length]!; turn++) await nextTurn();
        this.pulled++;
        yield record;
      }
    } finally {
      this.isEnded = true;
    }
  }
}

export const interleavings = fc.record({
  sequences: proteins(40),
  devices: fc.integer({ min: 1, max: 3 }),
  turns: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
  sourceTurns: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }),
  batchTokens: fc.integer({ min: 1, max: 60 }),
  flushWhenIdle: fc.boolean(),
});
