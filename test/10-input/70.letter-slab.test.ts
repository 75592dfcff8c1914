import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LetterSlab } from '../../lib/input/stored-sequence.js';

describe('a slab of letters', () => {
  it('gives arrays of zeros that share no letter', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(40_000), { maxLength: 40 }), (counts) => {
        const slab = new LetterSlab();
        const arrays = counts.map((count, index) => {
          const array = slab.take(count);
          assert.equal(array.length, count);
          assert.ok(array.every((letter) => letter === 0));
          return array.fill(index + 1);
        });
        arrays.forEach((array, index) => assert.ok(array.every((letter) => letter === index + 1)));
      }),
      { numRuns: 20 },
    ));

  it('gives arrays that sending one of them cannot empty', () => {
    const slab = new LetterSlab();
    for (const count of [3, 40_000]) {
      const sent = slab.take(count).fill(1);
      const other = slab.take(3).fill(2);
      try {
        // Node 20 copies instead, later versions refuse.
        assert.deepEqual(structuredClone(sent, { transfer: [sent.buffer as ArrayBuffer] }), sent);
      } catch (error) {
        assert.ok(error instanceof DOMException && error.name === 'DataCloneError', String(error));
      }
      assert.deepEqual([sent.length, sent[0], ...other], [count, 1, 2, 2, 2]);
    }
  });
});
