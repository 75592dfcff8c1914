import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { openResultDirectory } from '../../lib/output/result-directory.js';
import { tableComment } from '../../lib/output/manifest.js';
import { Ledger } from '../../lib/predict/ledger.js';
import type { CallRule } from '../../lib/scoring/calls.js';
import { ContigTally } from '../../lib/scoring/contig-tally.js';
import type { StoredResult } from '../../lib/scoring/results.js';
import { FRAME_NAMES } from '../../lib/windows/open-reading-frames.js';
import { recordOf } from '../60-predict/records.js';
import { countsOf, runDescription, temporaryFolder } from '../70-output/results.js';
import { tableRows } from '../table-rows.js';
import { rule, score } from './arbitrary-runs.js';
import { rescoreIn } from './stored-run.js';

/** Bases: every letter of a record is a window. */
const CHUNK_SIZE = 1;

const scoresOfWindow = fc.array(fc.tuple(score, score), { maxLength: 6 });
const contigs = fc.array(fc.array(scoresOfWindow, { maxLength: 4 }), { minLength: 1, maxLength: 5 });
type Contigs = typeof contigs extends fc.Arbitrary<infer Value> ? Value : never;

/** The results that a run's ledger computes from these scores. */
function resultsOf(contigs: Contigs, rule: CallRule): StoredResult[] {
  const ledger = new Ledger({ rule, sequences: false, model: 'tiny' });
  contigs.forEach((windows, index) => {
    const record = recordOf(`c${index}`, 'A'.repeat(windows.length), index);
    const tally = new ContigTally();
    windows.forEach((frames, position) => {
      const letters = record.sequence.read(position, position + CHUNK_SIZE);
      const orfs = frames.map((_, at) => ({ name: FRAME_NAMES[at]!, nucleotide: letters, protein: letters }));
      const first = ledger.enterWindow(record, tally, { number: position + 1, start: position, letters }, orfs);
      if (frames.length === 0) return;
      const packed = { tokens: new Int32Array(0), offsets: new Int32Array(1) };
      const batch = { tags: frames.map((_, at) => first + at), tokens: { dna: packed, protein: packed } };
      const scores = Float32Array.from(frames.flat());
      ledger.settle(batch, { scores, faults: new Uint8Array(frames.length), failures: [], computed: [] });
    });
    ledger.endRecord(record, tally);
  });
  const results: StoredResult[] = [];
  for (let result = ledger.next(); result; result = ledger.next()) results.push(result);
  return results;
}

function fastaOf(contigs: Contigs): string {
  return contigs.map((windows, index) => `>c${index}\n${'A'.repeat(windows.length)}\n`).join('');
}

/** Checks rows by the words of the documentation: calls against scores, a contig's counts and verdict against calls. */
function checkTables(directory: string, { threshold, minFraction }: CallRule): void {
  const windows = tableRows(join(directory, 'windows.tsv'));
  for (const { virus_score: text, call } of windows) {
    const expectedCall = text === '' ? 'none' : Math.fround(Number(text)) >= threshold ? 'virus' : 'other';
    assert.equal(call, expectedCall);
  }
  for (const row of tableRows(join(directory, 'contigs.tsv'))) {
    const own = windows.filter(({ contig }) => contig === row['contig']);
    const scored = own.filter(({ call }) => call !== 'none').length;
    const viral = own.filter(({ call }) => call === 'virus').length;
    assert.deepEqual([row['windows_scored'], row['windows_virus']], [String(scored), String(viral)]);
    const isVirus = viral > 0 && viral >= minFraction * scored;
    assert.equal(row['verdict'], scored === 0 ? 'none' : isVirus ? 'virus' : 'other');
  }
}

describe('One rule', () => {
  const folder = temporaryFolder();

  async function write(
    results: readonly StoredResult[],
    { threshold, minFraction }: CallRule,
    fasta: string,
  ): Promise<void> {
    // The sequences called virus are read from the input.
    writeFileSync(join(folder.path, 'test.fa'), fasta);
    const sha256 = createHash('sha256').update(fasta).digest('hex');
    const inputs = [{ path: 'test.fa', bytes: fasta.length, sha256 }];

    const parameters = { window: CHUNK_SIZE, threshold, min_fraction: minFraction };
    const directory = await openResultDirectory({
      ...{ directory: join(folder.path, 'out'), chunkSize: CHUNK_SIZE, inputName: 'input', force: true },
      comment: tableComment({ version: '0.1.0', model: 'tiny', random: false, parameters }),
    });
    for (const result of results) await directory.write(result);
    const run = runDescription(countsOf(results), { inputs, workingDirectory: folder.path });
    await directory.finish({ ...run, parameters: { ...run.parameters, threshold, minFraction } });
  }

  it('makes the calls of windows, the counts and verdicts of contigs, and those of a new call', async () => {
    await fc.assert(
      fc.asyncProperty(contigs, rule, rule, async (scores, first, second) => {
        const results = resultsOf(scores, first);
        await write(results, first, fastaOf(scores));
        const out = join(folder.path, 'out');
        checkTables(out, first);
        const again = resultsOf(scores, second);
        await rescoreIn({ folder: folder.path }, 'out', second);
        checkTables(out, second);
        const calls = tableRows(join(out, 'windows.tsv')).map(({ call }) => call);
        assert.deepEqual(
          calls,
          again.flatMap((result) => (result.kind === 'window' ? [result.call ?? 'none'] : [])),
        );
      }),
      { numRuns: 40 },
    );
  });
});
