import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenResults, goldenText } from './golden.js';
import { contigResult, optionsIn, temporaryFolder, windowResult, writeRun } from './results.js';

const CLASSIC_RESULTS = ['prediction_results.txt', 'prediction_results_highestscore.csv'];
const INTERMEDIATE = ['input_chunked500.fa', 'input_identified_nucleotide.fa', 'input_identified_protein.faa'];

describe('The classic files', () => {
  const folder = temporaryFolder();
  const written = (name: string): string => readFileSync(join(folder.path, 'out', name), 'utf8');

  it('are those of the golden run, byte for byte', async () => {
    await writeRun(optionsIn(folder.path, { keepIntermediate: true }), goldenResults());
    for (const name of [...CLASSIC_RESULTS, ...INTERMEDIATE]) assert.equal(written(name), goldenText(name), name);
  });

  it('are the same when the rows were sorted on disk', async () => {
    await writeRun(optionsIn(folder.path, { sortRunBytes: 200, sortFanIn: 2 }), goldenResults());
    for (const name of CLASSIC_RESULTS) assert.equal(written(name), goldenText(name), name);
  });

  it('leave out the intermediate ones unless asked for', async () => {
    await writeRun(optionsIn(folder.path), goldenResults());
    for (const name of INTERMEDIATE) assert.ok(!existsSync(join(folder.path, 'out', name)), name);
  });

  it('call an exact tie others in the rows, and True in the highest scores', async () => {
    const tie = { frame: 'R2', others: 0.5, virus: 0.5 } as const;
    await writeRun(optionsIn(folder.path), [
      windowResult('a', 1, { frames: [tie] }),
      contigResult('a', 'ACGT', { windows: 1 }),
    ]);
    assert.equal(written('prediction_results.txt').split('\n')[1], 'a_chunk_1R2\tothers\t0.5\t0.5');
    assert.equal(written('prediction_results_highestscore.csv').split('\n')[1], 'a_chunk_1\tTrue');
  });

  it('join contigs of the same name, as a dictionary by id does', async () => {
    const scored = (others: number, virus: number) =>
      windowResult('a', 1, { frames: [{ frame: 'F1', others, virus }] });
    const contig = contigResult('a', 'ACGT', { windows: 1 });
    await writeRun(optionsIn(folder.path), [scored(0.75, 0.25), contig, scored(0.1875, 0.8125), contig]);
    assert.equal(written('prediction_results_highestscore.csv'), 'Modified_ID\tIs_Virus\na_chunk_1\tTrue\n');
    assert.equal(written('prediction_results.txt').split('\n').length, 4);
  });

  it('sort ids by code point and keep them in UTF-8', async () => {
    const ids = ['😀', 'é', '\uffee', 'z', 'Z'];
    const results = ids.flatMap((id) => [windowResult(id, 1), contigResult(id, 'ACGT', { windows: 1 })]);
    await writeRun(optionsIn(folder.path), results);
    const rows = written('prediction_results_highestscore.csv').trimEnd().split('\n').slice(1);
    assert.deepEqual(
      rows,
      ['Z', 'z', 'é', '\uffee', '😀'].map((id) => `${id}_chunk_1\tTrue`),
    );
  });

  it('have only their header when nothing was scored', async () => {
    await writeRun(optionsIn(folder.path), []);
    assert.equal(written('prediction_results.txt'), 'Sequence_ID\tPrediction\tscore1\tscore2\n');
    assert.equal(written('prediction_results_highestscore.csv'), 'Modified_ID\tIs_Virus\n');
  });
});
