import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { EMBEDDING_FORMATS } from '../../lib/embedding-files/formats.js';
import { OUTPUT_FILES, outputFileName } from '../../lib/output/files.js';
import {
  commentWithOptional,
  RANDOM_WEIGHTS_WARNING,
  tableComment,
  type RunDescription,
  type RunManifest,
} from '../../lib/output/manifest.js';
import type { RunCounts } from '../../lib/predict/run-counts.js';
import { openResultDirectory } from '../../lib/output/result-directory.js';
import type { ResultDirectoryOptions } from '../../lib/output/result-directory.js';
import type { StoredResult } from '../../lib/scoring/results.js';
import {
  contigResult,
  countsOf,
  optionsIn,
  runDescription,
  temporaryFolder,
  windowResult,
  writeAll,
} from './results.js';

const RESULTS = [
  windowResult('a', 1, { sequences: { letters: Buffer.from('ACGT'), orfs: [] } }),
  windowResult('a', 2, { status: 'no_frame', sequences: { letters: Buffer.from('A'), orfs: [] } }),
  windowResult('a', 3, { model: 'small', sequences: { letters: Buffer.from('ACGT'), orfs: [] } }),
  contigResult('a', 'ACGTA', { windows: 3, verdict: 'virus' }),
  contigResult('b', '', { verdict: 'none', status: 'empty' }),
];

describe('run.json', () => {
  const folder = temporaryFolder();

  async function finish(changes: Partial<RunDescription> = {}, comment = 'virnucpro'): Promise<RunManifest> {
    const directory = await openResultDirectory(optionsIn(folder.path, { comment, keepIntermediate: true }));
    try {
      await writeAll(directory, RESULTS);
      await directory.recordFailure({
        path: 'input.fa a_chunk_2',
        stage: 'ESM-2',
        message: 'out of memory\non cuda:0',
      });
      return await directory.finish(runDescription(countsOf(RESULTS), changes));
    } finally {
      await directory.abort();
    }
  }

  it('is what finish returns', async () => {
    const manifest = await finish();
    assert.deepEqual(JSON.parse(readFileSync(join(folder.path, 'out', 'run.json'), 'utf8')), manifest);
    assert.equal(manifest.countsChecked, true);
    assert.deepEqual(manifest.warnings, []);
  });

  it('names every other file with its size and hash', async () => {
    const { files } = await finish();
    const names = readdirSync(join(folder.path, 'out')).filter((name) => name !== 'run.json');
    assert.deepEqual(files.map(({ name }) => name).sort(), names.sort());
    for (const { name, bytes, sha256 } of files) {
      const content = readFileSync(join(folder.path, 'out', name));
      assert.equal(bytes, content.length, name);
      assert.equal(sha256, createHash('sha256').update(content).digest('hex'), name);
    }
  });

  it('carries the warning of random weights, once', async () => {
    const model = { ...runDescription(countsOf([])).model, random: true };
    const { warnings } = await finish({ model, warnings: ['slow disk'] }, `x; ${RANDOM_WEIGHTS_WARNING}`);
    assert.deepEqual(warnings, [RANDOM_WEIGHTS_WARNING, 'slow disk']);
  });

  it('is refused for random weights when the tables do not say so', async () => {
    const model = { ...runDescription(countsOf([])).model, random: true };
    await assert.rejects(finish({ model }), { code: 'VNP_ARGUMENT' });
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('carries the warning of random weights of triage, and asks for it in the tables', async () => {
    const { model } = runDescription(countsOf([]));
    const rule = { othersBelow: 0.1, virusAtLeast: 0.9, ruleTemperature: 1, temperature: 1, framesFailed: 0 };
    const triage = { model: { ...model, name: 'small', random: true }, ...rule };
    await assert.rejects(finish({ triage }), { code: 'VNP_ARGUMENT' });
    const manifest = await finish({ triage }, `x; ${RANDOM_WEIGHTS_WARNING}`);
    assert.deepEqual([manifest.warnings, manifest.triage], [[RANDOM_WEIGHTS_WARNING], triage]);
  });

  it('counts for triage the windows of another model than that of the run', async () => {
    const { counts } = await finish();
    assert.deepEqual([counts.windowsScored, counts.windowsTriaged, counts.framesSpared], [2, 1, 1]);
  });

  for (const name of Object.keys(countsOf([])) as (keyof RunCounts)[]) {
    it(`is refused when the run counted one of ${name} less than was written`, async () => {
      const counts = { ...countsOf(RESULTS), [name]: countsOf(RESULTS)[name] - 1 };
      await assert.rejects(finish({ counts }), { code: 'VNP_OUTPUT', message: new RegExp(name) });
      assert.deepEqual(readdirSync(folder.path), []);
    });
  }

  async function finishOf(
    results: readonly StoredResult[],
    outcome: RunDescription['outcome'],
    counts = countsOf(results),
  ): Promise<RunManifest> {
    const directory = await openResultDirectory(optionsIn(folder.path));
    try {
      await writeAll(directory, results);
      return await directory.finish(runDescription(counts, { outcome }));
    } finally {
      await directory.abort();
    }
  }

  it('is refused when a window of a record was lost', async () => {
    const finishing = finishOf(RESULTS.slice(1), 'complete');
    await assert.rejects(finishing, { code: 'VNP_OUTPUT', message: /windows of all contigs = 3/ });
  });

  it('may count records that a run which stopped has read but not ended, and no other run', async () => {
    const unended = RESULTS.slice(0, 2);
    const counts = { ...countsOf(unended), records: 1 };
    await assert.rejects(finishOf(unended, 'partial', counts), { code: 'VNP_OUTPUT', message: /records = 1/ });
    assert.equal((await finishOf(unended, 'stopped', counts)).outcome, 'stopped');
  });

  it('stands beside failed_files.txt, one line a failure', async () => {
    await finish();
    const text = readFileSync(join(folder.path, 'out', 'failed_files.txt'), 'utf8');
    assert.equal(text, 'input.fa a_chunk_2|ESM-2|out of memory\\non cuda:0\n');
  });
});

describe('The comment of a table', () => {
  const path = fc.string({
    unit: fc.constantFrom('/', 'a', ' ', ';', '%', '=', 'é', '\t', '\n', '\x7f', '. ; card=x'),
  });
  const optional = fc.record({
    temperature: fc.constantFrom(1, 1.37, 0.5),
    card: fc.option(path.map((words) => `/${words}`)),
  });
  const fields = {
    ...{ version: '0.1.0', model: 'tiny', random: true },
    parameters: { window: 500, threshold: 0.5 },
  };

  it('names the card and the temperature where there are any', () => {
    const comment = (temperature: number, card: string | null): string =>
      tableComment({ ...fields, optional: { temperature, card } });
    const words = 'virnucpro 0.1.0 model=tiny window=500 threshold=0.5';
    const random = '; random weights: not a prediction';
    assert.equal(comment(1, null), words + random);
    assert.equal(
      comment(1.5, '/a b/100%; x/card.md'),
      `${words} temperature=1.5 card=/a%20b/100%25%3B%20x/card.md${random}`,
    );
  });

  it('is that of other scores when they are put in their place, whatever the paths', () => {
    fc.assert(
      fc.property(optional, optional, fc.boolean(), (before, after, random) => {
        const comment = (words: typeof before): string => tableComment({ ...fields, random, optional: words });
        assert.equal(commentWithOptional(comment(before), after), comment(after));
        assert.doesNotMatch(comment(after), /\p{Cc}/u);
      }),
    );
  });
});

describe('The list of output files', () => {
  const folder = temporaryFolder();

  it('names exactly the files that a run with all options and a failure writes, whatever the formats', async () => {
    const written = new Set<string>();
    for (const format of [undefined, ...EMBEDDING_FORMATS]) {
      const options: Partial<ResultDirectoryOptions> = {
        keepIntermediate: true,
        saveEmbeddings: true,
        formattedEmbeddings: format && { format, model: 'tiny', widths: { dna: 1, protein: 1 } },
        tables: format === 'parquet' ? 'parquet' : 'tsv',
        inputName: 'my.input',
      };
      const output = join(folder.path, format ?? 'f32');
      const directory = await openResultDirectory(optionsIn(output, options));
      await writeAll(directory, RESULTS);
      writeFileSync(directory.journalPath, '');
      await directory.recordFailure({ path: 'input.fa', stage: 'DNABERT-S', message: 'x' });
      writeFileSync(directory.logPath, 'it began\n');
      const manifest = await directory.finish(runDescription(countsOf(RESULTS), { outcome: 'stopped' }));
      for (const name of readdirSync(join(output, 'out'))) written.add(name);
      for (const { name, bytes, sha256 } of manifest.files) {
        const content = readFileSync(join(output, 'out', name));
        assert.equal(content.length, bytes, name);
        assert.equal(createHash('sha256').update(content).digest('hex'), sha256, name);
      }
    }
    const listed = OUTPUT_FILES.map((file) => outputFileName(file, 'my.input', 500));
    assert.deepEqual([...written].sort(), listed.sort());
  });

  it('has no log of an earlier run among the files of one without', async () => {
    for (const hasLog of [true, false]) {
      const directory = await openResultDirectory(optionsIn(folder.path, { force: true }));
      if (hasLog) writeFileSync(directory.logPath, 'it began\n');
      await directory.finish(runDescription(countsOf([])));
      assert.equal(existsSync(join(folder.path, 'out', 'run.log')), hasLog);
    }
  });

  it('describes every file and every column', () => {
    for (const file of OUTPUT_FILES) {
      for (const text of [file.meaning, file.format, ...file.columns.map(({ meaning }) => meaning)]) {
        assert.notEqual(text, '', file.name);
      }
      const names = file.columns.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length, file.name);
    }
  });
});
