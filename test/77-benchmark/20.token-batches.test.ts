import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tokenBatches } from '../../lib/benchmark/sequences.js';
import { pack } from '../golden-model.js';

describe('the batches of a benchmark', () => {
  const sequences = fc.array(fc.array(fc.nat(99), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 30 });

  it('hold every sequence once, in order, as many as fit', () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 40 }), (all, budget) => {
        const batches = tokenBatches(pack(all), budget);
        const unpacked = batches.map(({ tokens, offsets }) =>
          [...offsets.subarray(1)].map((end, index) => [...tokens.subarray(offsets[index], end)]),
        );
        assert.deepEqual(unpacked.flat(), all);
        for (const [index, batch] of unpacked.entries()) {
          const tokens = batch.flat().length;
          assert.ok(tokens <= budget || batch.length === 1);
          const next = unpacked[index + 1]?.[0];
          assert.ok(!next || tokens + next.length > budget, 'the next would have fit');
        }
      }),
    );
  });
});
