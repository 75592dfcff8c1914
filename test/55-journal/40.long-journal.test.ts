import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RecordPlaces } from '../../lib/journal/journal-format.js';
import { repositoryRoot } from '../repository.js';

describe('a journal of very many batches', () => {
  it('takes some bytes of memory a batch, and the last batch is found as the first is', async () => {
    // It exits with 1 if opening takes more than its bound.
    const words = [join(repositoryRoot, 'bench', 'resumed-journal.mjs'), '--batches', '400000'];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    assert.match(stdout, /\| 400000 \|/);
  });

  it('has its batches under any number that a record can have, of several records the last', () => {
    const places = new RecordPlaces();
    for (const [batch, start, frames] of [
      ...[[0, 0, 3] as const, [511, 2 ** 40, 1] as const, [512, 7, 2] as const, [2 ** 32 - 1, 9, 2 ** 32 - 1] as const],
      ...[[511, 2 ** 41, 5] as const, [0, 8, 0] as const],
    ]) {
      places.set(batch, start, frames);
    }
    assert.deepEqual(
      [0, 511, 512, 2 ** 32 - 1].map((batch) => places.startOf(batch)),
      [8, 2 ** 41, 7, 9],
    );
    assert.deepEqual(
      [1, 510, 513, 2 ** 32 - 2].map((batch) => places.startOf(batch)),
      Array(4).fill(undefined),
    );
    assert.deepEqual([places.batches, places.frames], [4, 0 + 5 + 2 + 2 ** 32 - 1]);
  });
});
