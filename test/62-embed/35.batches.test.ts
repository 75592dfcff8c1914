import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { batchBudget, EmbeddingBatcher, type EmbeddingBatch, type Piece } from '../../lib/embed/embedding-batcher.js';
import type { Pool } from '../../lib/engine/addon.js';
import { FakeDevices } from '../60-predict/fake-devices.js';
import { all, named, notingShare, PLAN, run, SlowSource } from './embedding-runs.js';

/** Its owner is its number. */
const pieces = fc
  .array(fc.record({ length: fc.integer({ min: 1, max: 30 }), isPooled: fc.boolean() }), { maxLength: 60 })
  .map((drawn) =>
    drawn.map(({ length, isPooled }, owner) => ({ owner, window: 0, tokens: new Int32Array(length), isPooled })),
  );
const budgets = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }))
  .map(([one, other]) => ({ most: Math.max(one, other), mostWithStates: Math.min(one, other) }));

describe('the batches of embeddings', () => {
  it('are filled in the order of the pieces, and are smaller where they return the states of all tokens', () =>
    fc.assert(
      fc.property(pieces, budgets, fc.constantFrom<Pool[]>(['mean'], ['tokens', 'max']), (given, budget, asked) => {
        const batcher = new EmbeddingBatcher<number>(budget, asked);
        const batches = [...given.map((piece) => batcher.add(piece)), batcher.flush()].filter(isBatch);
        assert.deepEqual(
          batches.flatMap((batch) => batch.pieces.map(({ owner }) => owner)),
          given.map(({ owner }) => owner),
        );
        const returnsStates = (some: readonly Piece<number>[]): boolean =>
          asked.includes('tokens') || some.some(({ isPooled }) => !isPooled);
        const exceeds = (some: readonly Piece<number>[]): boolean =>
          sizeOf(some) > (returnsStates(some) ? budget.mostWithStates : budget.most);
        for (const [index, { pieces: own, pools }] of batches.entries()) {
          assert.ok(own.length === 1 || !exceeds(own), 'more than fits');
          const next = batches[index + 1]?.pieces[0];
          assert.ok(!next || exceeds([...own, next]), 'the next piece would have fitted');
          assert.equal(pools.includes('tokens'), returnsStates(own));
        }
      }),
    ));

  it('have all tokens that the devices have room for, unless the states of many layers are too much for the host', () => {
    const width = 1280;
    assert.deepEqual(batchBudget(16_384, { layers: 1, width }), { most: 16_384, mostWithStates: 16_384 });
    // 34 x 1280 numbers of 4 bytes a token, in 256 MiB.
    assert.deepEqual(batchBudget(16_384, { layers: 34, width }), { most: 16_384, mostWithStates: 1542 });
    assert.deepEqual(batchBudget(100, { layers: 34, width }), { most: 100, mostWithStates: 100 });
    assert.deepEqual(batchBudget(100, { layers: 1000, width: 2 ** 30 }), { most: 100, mostWithStates: 1 });
  });

  it('and the results that wait for the caller take little memory in a run, however many tokens a device has room for', async () => {
    const request = { layers: [2, 0], pools: ['tokens'], specialTokens: false } as const;
    const pool = await new FakeDevices(PLAN).openPool();
    const sizes: number[] = [];
    const share = notingShare(pool, ({ tokens }) => sizes.push(tokens.length));
    const source = new SlowSource(named(Array<string>(1000).fill('MKVLA')));
    // The states of 32 tokens are 256 MiB.
    const results = run(pool, source, { share, request, batchTokens: 16_384, width: 2 ** 20 });
    await results.next();
    for (let turn = 0; turn < 2000; turn++) await nextTurn();
    // Of 7 tokens each, four to a batch: nine batches at most on two devices with their places, and one being filled.
    assert.ok(source.pulled <= 50, `${source.pulled} records were read`);
    assert.equal((await all(results)).length, 999);
    assert.deepEqual([...new Set(sizes)], [28]);
    await pool.close();
  });
});

function isBatch(batch: EmbeddingBatch<number> | undefined): batch is EmbeddingBatch<number> {
  return batch !== undefined;
}

function sizeOf(some: readonly Piece<number>[]): number {
  return some.reduce((sum, { tokens }) => sum + tokens.length, 0);
}
