import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { unescapeCell } from '../../lib/output/cell.js';
import { CONTIGS_TABLE, WINDOWS_TABLE } from '../../lib/output/files.js';
import { RANDOM_WEIGHTS_WARNING, tableComment } from '../../lib/output/manifest.js';
import type { FrameScore, StoredResult } from '../../lib/scoring/results.js';
import { windowCall } from '../../lib/scoring/calls.js';
import { tableRows } from '../table-rows.js';
import { contigResult, optionsIn, rowsOf, temporaryFolder, windowResult, writeRun } from './results.js';

const FRAMES: FrameScore[] = [
  { frame: 'F1', others: Math.fround(0.4), virus: Math.fround(0.6) },
  { frame: 'R3', others: Math.fround(0.1), virus: Math.fround(0.9) },
];
const BEST = FRAMES[1] as FrameScore;

describe('The tables', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder.path, 'out', name);
  const firstLines = (name: string): string[] => readFileSync(path(name), 'utf8').split('\n').slice(0, 2);

  async function windowRow(result: Partial<Parameters<typeof windowResult>[2]>): Promise<string[]> {
    const results = [windowResult('a', 2, result), contigResult('a', 'ACGT', { windows: 1 })];
    await writeRun(optionsIn(folder.path), results);
    return rowsOf(path('windows.tsv'))[0] ?? [];
  }

  it('start with a comment and the header that is documented', async () => {
    await writeRun(optionsIn(folder.path, { comment: 'virnucpro 0.1.0 model=x\ny' }), []);
    const [comment, header] = firstLines('windows.tsv');
    assert.equal(comment, '# virnucpro 0.1.0 model=x\\ny; start and end are 0-based, half-open');
    assert.equal(header, WINDOWS_TABLE.columns.map(({ name }) => name).join('\t'));
    assert.deepEqual(firstLines('contigs.tsv'), [
      '# virnucpro 0.1.0 model=x\\ny',
      CONTIGS_TABLE.columns.map(({ name }) => name).join('\t'),
    ]);
  });

  it('say in their comment that random weights predict nothing', () => {
    const fields = { version: '0.1.0', model: 'tiny', parameters: { threshold: 0.5 } };
    assert.equal(tableComment({ ...fields, random: false }), 'virnucpro 0.1.0 model=tiny threshold=0.5');
    assert.ok(tableComment({ ...fields, random: true }).endsWith(RANDOM_WEIGHTS_WARNING));
  });

  it('give a scored window its place, its deciding frame and its call', async () => {
    const row = await windowRow({ frames: FRAMES, decidingFrame: BEST });
    assert.deepEqual(row, [
      'a',
      '2',
      '500',
      '1000',
      '-',
      '3',
      '0.9',
      'virus',
      '2',
      'scored',
      '',
      'tiny',
      'input.fa',
      '1',
    ]);
  });

  it('name the model of triage where that decided a window', async () => {
    const row = await windowRow({ model: '=small' });
    assert.deepEqual(row.slice(9, 12), ['scored', '', "'=small"]);
  });

  it('leave what is missing empty in a window without a score', async () => {
    const row = await windowRow({ status: 'failed', reason: 'out of\tmemory' });
    const missing = ['', '', '', 'none', '0', 'failed', 'out of\\tmemory', ''];
    assert.deepEqual(row, ['a', '2', '500', '1000', ...missing, 'input.fa', '1']);
  });

  for (const [threshold, call] of [
    [BEST.virus, 'virus'],
    [0.91, 'other'],
  ] as const) {
    it(`call a window of score 0.9 ${call} at the threshold ${threshold}`, async () => {
      const row = await windowRow({ frames: FRAMES, decidingFrame: BEST, call: windowCall(BEST.virus, { threshold }) });
      assert.equal(row[WINDOWS_TABLE.columns.findIndex(({ name }) => name === 'call')], call);
    });
  }

  it('give a contig its verdict, its counts and its scores', async () => {
    const scores = {
      meanVirusScore: (Math.fround(0.2) + Math.fround(0.9)) / 2,
      maxVirusScore: Math.fround(0.9),
      meanLogOdds: -1.25,
    };
    const counts = { ambiguous: 1, windowsScored: 2, windowsVirus: 1 };
    await writeRun(optionsIn(folder.path), [
      contigResult('a', 'ACGTN', { ...counts, ...scores, verdict: 'virus', source: 'in put.fa', index: 7 }),
      contigResult('b', '', { verdict: 'none', status: 'empty', reason: 'no letters', index: 8 }),
    ]);
    assert.deepEqual(rowsOf(path('contigs.tsv')), [
      ['a', '5', '1', 'virus', '0', '2', '1', '0.55', '0.9', '-1.25', 'scored', '', 'in put.fa', '8'],
      ['b', '0', '0', 'none', '0', '0', '0', '', '', '', 'empty', 'no letters', 'input.fa', '9'],
    ]);
  });

  it('tell records of the same id apart, of one input or of several', async () => {
    const of = [
      { source: '=a.fa', index: 0 },
      { source: '=a.fa', index: 1 },
      { source: 'b.fa', index: 2 },
    ];
    const results = of.flatMap((from) => [
      windowResult('a', 1, from),
      contigResult('a', 'ACGT', { ...from, windows: 1 }),
    ]);
    await writeRun(optionsIn(folder.path), results);
    for (const name of ['windows.tsv', 'contigs.tsv']) {
      assert.deepEqual(
        tableRows(path(name)).map(({ contig, source, record }) => [contig, source, record]),
        [
          ['a', "'=a.fa", '1'],
          ['a', "'=a.fa", '2'],
          ['a', 'b.fa', '3'],
        ],
        name,
      );
    }
  });

  it('keep every row and cell whatever ids, reasons and paths hold', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\t', '\n', '\r', '\\', '"', "'", '=', '#', 'a') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 5 }), async (texts) => {
        const results = texts.flatMap(([id, reason, source]): StoredResult[] => [
          windowResult(id, 1, { status: 'failed', reason, source }),
          contigResult(id, 'ACGT', { windows: 1, reason, source, status: 'failed', verdict: 'none' }),
        ]);
        await writeRun(optionsIn(folder.path, { force: true }), results);
        const windows = rowsOf(path('windows.tsv'));
        const contigs = rowsOf(path('contigs.tsv'));
        for (const row of windows) assert.equal(row.length, WINDOWS_TABLE.columns.length);
        for (const row of contigs) assert.equal(row.length, CONTIGS_TABLE.columns.length);
        const read = (row: string[], cells: number[]): string[] => cells.map((cell) => unescapeCell(row[cell] ?? ''));
        assert.deepEqual(
          windows.map((row) => read(row, [0, 10, 12])),
          texts,
        );
        assert.deepEqual(
          contigs.map((row) => read(row, [0, 11, 12])),
          texts,
        );
      }),
      { numRuns: 40 },
    );
  });
});
