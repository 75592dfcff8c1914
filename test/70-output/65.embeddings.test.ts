import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openResultDirectory } from '../../lib/output/result-directory.js';
import type { FrameScore } from '../../lib/scoring/results.js';
import { contigResult, optionsIn, temporaryFolder, windowResult, writeRun } from './results.js';

function frame(name: FrameScore['frame'], embedding: number[]): FrameScore {
  return { frame: name, others: 0.5, virus: 0.5, embedding: Float32Array.from(embedding) };
}

describe('embeddings.f32', () => {
  const folder = temporaryFolder();

  it('has a row for every row of prediction_results.txt, in its order', async () => {
    const results = [
      windowResult('a', 1, { frames: [frame('F1', [1, 2]), frame('R3', [3, 4])] }),
      windowResult('a', 2, { status: 'no_frame' }),
      // One frame failed, the other was scored.
      windowResult('a', 3, { status: 'failed', reason: 'x', frames: [frame('F2', [5, 6])] }),
      contigResult('a', 'ACGT', { windows: 3, status: 'partial' }),
    ];
    await writeRun(optionsIn(folder.path, { saveEmbeddings: true }), results, { outcome: 'partial' });
    const bytes = readFileSync(join(folder.path, 'out', 'embeddings.f32'));
    const rows = readFileSync(join(folder.path, 'out', 'prediction_results.txt'), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    assert.deepEqual(
      Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index)),
      [1, 2, 3, 4, 5, 6],
    );
    assert.deepEqual(
      rows.map((row) => row.split('\t')[0]),
      ['a_chunk_1F1', 'a_chunk_1R3', 'a_chunk_3F2'],
    );
  });

  it('is not to be had from results without embeddings', async () => {
    const directory = await openResultDirectory(optionsIn(folder.path, { saveEmbeddings: true }));
    const bare = windowResult('a', 7, { frames: [{ frame: 'F1', others: 0.5, virus: 0.5 }] });
    await assert.rejects(async () => await directory.write(bare), {
      code: 'VNP_ARGUMENT',
      message: /F1 of window 7 of a/,
    });
    await directory.abort();
  });
});
