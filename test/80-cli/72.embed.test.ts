import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as hdf5 from 'h5wasm/node';
import { createEmbeddingWriter } from '../../lib/embedding-files/embedding-writer.js';
import { EMBEDDING_FORMATS } from '../../lib/embedding-files/formats.js';
import type { EmbeddingFormat } from '../../lib/embedding-files/formats.js';
import type { EmbeddingManifest } from '../../lib/embedding-runs/manifest.js';
import { openEmbedder } from '../../lib/index.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { createRandomModel } from '../../lib/models.js';
import { sha256OfFile } from '../../lib/models/trust/sha256.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';
import type { Ended, RunOptions } from './command-line.js';

interface Protein {
  readonly id: string;
  readonly sequence: string;
}

type Watch = NonNullable<RunOptions['watch']>;

const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--batch-tokens', '2000'];
const PROTEIN = ['--model', 'small', '--part', 'protein', ...EXACT];

/** @param lengths of the proteins, in turn */
function proteins(count: number, lengths: readonly number[]): Protein[] {
  const next = seededNumbers(count);
  const letter = (): string => 'ACDEFGHIKLMNPQRSTVWY'[(next() >>> 8) % 20]!;
  return Array.from({ length: count }, (_, index) => ({
    id: `protein_${index}`,
    sequence: Array.from({ length: lengths[index % lengths.length]! }, letter).join(''),
  }));
}

function fasta(records: readonly Protein[]): string {
  return records.map(({ id, sequence }) => `>${id} of a test\n${sequence}\n`).join('');
}

/** Acts once the log matches. */
function once(pattern: RegExp, act: (child: Parameters<Watch>[1]) => void): Watch {
  let isDone = false;
  return (errors, child) => {
    if (isDone || !pattern.test(errors)) return;
    isDone = true;
    act(child);
  };
}

/** Of an HDF5 file the numbers alone: the file holds the time at which it was made. */
function contentOf(path: string): Buffer {
  if (!path.endsWith('.h5')) return readFileSync(path);
  const file = new hdf5.File(path, 'r');
  const values = ['id', 'length', 'embedding'].map((name) => {
    const values = (file.get(name) as hdf5.Dataset).value as ArrayLike<unknown>;
    return Array.from(values).join();
  });
  file.close();
  return Buffer.from(values.join('\n'));
}

function eventsOf({ errors }: Ended): string[] {
  const lines = errors.trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { event: string }).event);
}

describe('virnucpro embed', () => {
  let folder: string;
  let models: string;
  before(async () => {
    await hdf5.ready;
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-embed-'));
    models = join(folder, 'models');
    await createRandomModel({ name: 'small', protein: 'esm2_tiny', dna: 'dnabert_tiny', models });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const at = (...names: string[]): string => join(folder, ...names);
  function inputOf(records: readonly Protein[], name = `${records.length}.faa`): string {
    writeFileSync(at(name), fasta(records));
    return at(name);
  }
  const manifestOf = (output: string): EmbeddingManifest =>
    JSON.parse(readFileSync(`${output}.run.json`, 'utf8')) as EmbeddingManifest;

  describe('writes what the library gives', () => {
    // Windows: the third is longer than the model reads at once.
    const records = proteins(6, [5, 300, 2500]);
    let wanted: Float32Array[];
    before(async () => {
      const embedder = await openEmbedder({
        ...{ model: 'small', part: 'protein', models, precision: 'fp32', devices: ['cpu'], threads: 1 },
        batchTokens: 2000,
      });
      wanted = await embedder.embed(records.map(({ sequence }) => sequence));
      await embedder.close();
    });

    for (const format of EMBEDDING_FORMATS) {
      it(`to ${format}`, async () => {
        const output = at(`written.${format}`);
        await succeeds(['embed', inputOf(records), '-o', output, ...PROTEIN], { models });
        await compare(format, output);
      });
    }

    it('to a folder of .pt files', async () => {
      const output = at('written-pt');
      await succeeds(['embed', inputOf(records), '-o', output, '--format', 'pt', ...PROTEIN], { models });
      assert.deepEqual(readdirSync(output).sort(), records.map(({ id }) => `${id}.pt`).sort());
      await compare('pt', output);
    });

    /** With what the format's writer writes of the library's embeddings, which is compared with other programs elsewhere. */
    async function compare(format: EmbeddingFormat, output: string): Promise<void> {
      const directory = at(`expected-${basename(output)}`);
      mkdirSync(directory);
      const path = join(directory, basename(output));
      const writer = await createEmbeddingWriter(format, path, {
        ...{ model: 'small', part: 'protein', layers: [2], width: 64, pool: 'mean', precision: 'fp32' },
      });
      for (const [index, { id, sequence }] of records.entries()) {
        await writer.write({ id, length: sequence.length, states: [wanted[index]!] });
      }
      await writer.close();
      const names = readdirSync(directory);
      const manifest = manifestOf(output);
      assert.deepEqual(manifest.files.map(({ name }) => name).sort(), names.sort());
      for (const { name, files, sha256 } of manifest.files) {
        const pairs = files === undefined ? [name] : readdirSync(join(directory, name)).map((one) => join(name, one));
        for (const one of pairs) {
          assert.ok(contentOf(at(one)).equals(contentOf(join(directory, one))), `${one} differs`);
        }
        if (files === undefined) assert.equal(sha256, await sha256OfFile(at(name)));
      }
      assert.deepEqual(manifest.counts, {
        ...{ records: 6, embedded: 6, invalid: 0, failed: 0, letters: 2 * 2805 },
        // Two of the sequences have three windows.
        tokens: 2 * (5 + 2 + 300 + 2 + 3 * 1024),
      });
      assert.deepEqual([manifest.outcome, manifest.model.random], ['complete', true]);
      assert.equal(manifest.inputs[0]!.sha256, await sha256OfFile(at('6.faa')));
    }
  });

  it('writes several layers, and all tokens', async () => {
    const records = proteins(3, [4, 7]);
    const output = at('layers.tsv');
    await succeeds(['embed', inputOf(records), '-o', output, ...PROTEIN, '--layers', '0,2', '--pool', 'tokens'], {
      models,
    });
    const [, header = '', ...rows] = readFileSync(output, 'utf8').trimEnd().split('\n');
    const columns = header.split('\t');
    assert.equal(columns.filter((name) => name.startsWith('layer_0_')).length, 64);
    assert.equal(columns.filter((name) => name.startsWith('layer_2_')).length, 64);
    // A row for each residue, without the special tokens.
    assert.deepEqual(
      records.map(({ id }) => rows.filter((row) => row.startsWith(`${id}\t`)).length),
      [4, 7, 4],
    );
  });

  it('reads DNA from standard input', async () => {
    const output = at('dna.npy');
    const args = ['embed', '-', '-o', output, '--model', 'small', '--part', 'dna', ...EXACT];
    await succeeds(args, { models, input: '>one\nACGTACGTNNACGUacgt\n>two\nTTTTGGGGAAAA\n' });
    const manifest = manifestOf(output);
    assert.deepEqual([manifest.counts.embedded, manifest.counts.letters], [2, 30]);
    assert.match(readFileSync(at('dna.ids.tsv'), 'utf8'), /^one\t18\ntwo\t12\n$/m);
  });

  it('accounts for every record, and ends with 2 if some have no embedding', async () => {
    const input = at('odd.faa');
    writeFileSync(input, '>good\nMKV*\n>odd\nMK!V\n>empty\n>long\nMKVLAAGG\n>again x\nMKV\n>again y\nMKL\n');
    const output = at('odd.tsv');
    const args = ['embed', input, '-o', output, ...PROTEIN, '--long', 'error', '--max-length', '5'];
    const { end, errors } = await virnucpro(args, { models });
    assert.equal(end, 2, errors);
    assert.match(errors, /record 2 of .*odd\.faa, odd, has no embedding: "!" at position 3 is not an amino acid/);
    assert.match(errors, /6 records: 3 embedded, 3 invalid; .*; model small; embeddings in .*odd\.tsv/);
    const rows = readFileSync(output, 'utf8').trimEnd().split('\n').slice(2);
    assert.deepEqual(
      rows.map((row) => row.split('\t').slice(0, 2)),
      [
        ['good', '3'],
        ['again', '3'],
        ['again', '3'],
      ],
    );
    const failed = readFileSync(`${output}.failed.tsv`, 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      failed.map((row) => row.split('\t').slice(0, 2).join(' ')),
      ['record id', '2 odd', '3 empty', '4 long'],
    );
    const { outcome, counts, warnings } = manifestOf(output);
    assert.deepEqual([outcome, counts.records, counts.embedded, counts.invalid], ['partial', 6, 3, 3]);
    assert.match(warnings.join('\n'), /again/);
  });

  it('reads the proteins of a folder, and says what is doubtful: the model, ids, and what may be DNA', async () => {
    mkdirSync(at('mixed'));
    writeFileSync(at('mixed', 'a.faa'), '>one\nMKVLAAGG\n');
    writeFileSync(at('mixed', 'b.PEP'), '>one\nMKVLAAGL\n');
    writeFileSync(at('mixed', 'c.fa'), `>dna\n${'ACGTN'.repeat(12)}\n`);
    writeFileSync(at('mixed', 'd.txt'), 'not read');
    const output = at('mixed.npy');
    const args = ['embed', at('mixed'), '-o', output, '--part', 'protein', ...EXACT];
    const { errors } = await succeeds(args, { models: at('no-models') });
    assert.match(readFileSync(at('mixed.ids.tsv'), 'utf8'), /one\t8\none\t8\ndna\t60\n$/);
    assert.match(errors, /no model is installed: using virnucpro-mini/);
    assert.match(errors, /is not read: 1 file with another ending \(d\.txt\)/);
    const { warnings } = manifestOf(output);
    assert.match(warnings.join('\n'), /^1 record, read as protein, may be DNA: only the letters ACGTUN occur/m);
    assert.match(
      warnings.join('\n'),
      /^1 id occurs more than once, so their rows can be distinguished only by their order: one/m,
    );
  });

  describe('when it is interrupted', () => {
    const records = proteins(3000, [60, 200, 350]);
    let whole: Buffer;
    let input: string;
    const args = (output: string, ...more: string[]): string[] => [
      ...['embed', input, '-o', output, ...PROTEIN, '--log-format', 'json', '--progress-interval', '0.1', ...more],
    ];
    const underway = /"event":"embedding-progress".*"records":[1-9]\d\d/;
    before(async () => {
      input = inputOf(records);
      await succeeds(args(at('whole.npy')), { models });
      whole = readFileSync(at('whole.npy'));
    });

    /** Resumes it: the bytes are those of an undisturbed run, and nothing else is left. */
    async function assertResumable(output: string): Promise<void> {
      assert.equal(existsSync(output), false);
      assert.ok(statSync(join(`${output}.unfinished`, 'journal')).size > 1000);
      const again = await virnucpro(args(output), { models });
      assert.match(again.errors, /is not finished. Resume it with --resume, or start over with --force/);
      assert.equal(again.end, 1);
      const resumed = await succeeds(args(output, '--resume'), { models });
      assert.ok(eventsOf(resumed).includes('embeddings-resumed'), resumed.errors);
      assert.ok(readFileSync(output).equals(whole), 'the bytes differ');
      assert.ok(manifestOf(output).sequencesFromJournal > 0);
      assert.equal(existsSync(`${output}.unfinished`), false);
      const complete = await succeeds(args(output, '--resume'), { models });
      assert.deepEqual(eventsOf(complete), ['complete-already']);
    }

    it('by kill -9 resumes to the same bytes', async () => {
      const output = at('killed.npy');
      const { end } = await virnucpro(args(output), {
        models,
        watch: once(underway, (child) => child.kill('SIGKILL')),
      });
      assert.equal(end, 'SIGKILL');
      await assertResumable(output);
    });

    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      it(`by ${signal} ends with ${code}, keeps what was computed and resumes to the same bytes`, async () => {
        const output = at(`${signal}.npy`);
        const ended = await virnucpro(args(output), { models, watch: once(underway, (child) => child.kill(signal)) });
        assert.equal(ended.end, code, ended.errors);
        assert.deepEqual(eventsOf(ended).slice(-2), ['resumable', 'interrupted']);
        assert.ok(eventsOf(ended).includes('stopping'));
        assert.deepEqual(readdirSync(`${output}.unfinished`), ['journal']);
        await assertResumable(output);
      });
    }

    it('is not resumed with other layers, and names them', async () => {
      const output = at('other.npy');
      await virnucpro(args(output), { models, watch: once(underway, (child) => child.kill('SIGKILL')) });
      const other = await virnucpro(args(output, '--resume', '--layers', '1'), { models });
      assert.equal(other.end, 1);
      assert.match(other.errors, /VNP_RESUME.*was begun with layers 2, and this one has layers 1/);
      await succeeds(args(output, '--force', '--layers', '1'), { models });
      assert.deepEqual(manifestOf(output).parameters.layers, [1]);
      assert.equal(manifestOf(output).sequencesFromJournal, 0);
    });

    it('computes again what another input changes', async () => {
      const output = at('changed.npy');
      const own = at('changed.faa');
      writeFileSync(own, fasta(records));
      const changed = args(output).map((word) => (word === input ? own : word));
      await virnucpro(changed, { models, watch: once(underway, (child) => child.kill('SIGKILL')) });
      writeFileSync(own, fasta(proteins(10, [30])));
      const { errors } = await succeeds([...changed, '--resume'], { models });
      assert.match(errors, /the input differs from that of the resumed run from batch 1 on/);
      await succeeds(
        changed.map((word) => (word === output ? at('fresh.npy') : word)),
        { models },
      );
      assert.ok(readFileSync(output).equals(readFileSync(at('fresh.npy'))));
    });
  });

  it('refuses what it cannot do before the model is loaded, and leaves nothing behind', async () => {
    const input = inputOf(proteins(2, [10]));
    const names = (): string[] => readdirSync(folder).sort();
    writeFileSync(at('taken.npy'), 'mine');
    mkdirSync(at('full'));
    writeFileSync(at('full', 'mine'), '');
    const before = names();
    const embed = (...words: string[]): string[] => ['embed', input, '--model', 'small', '--part', 'protein', ...words];
    const refused: [RegExp, string[]][] = [
      [/Expected a whole number from 0 to 2 for --layers but received 3/, embed('-o', at('x.npy'), '--layers', '3')],
      [/Expected every layer once/, embed('-o', at('x.npy'), '--layers', '1,1')],
      [/Expected comma-separated numbers of layers/, embed('-o', at('x.npy'), '--layers', '-1')],
      [/Expected one of parquet, arrow, .* for the extension/, embed('-o', at('x.csv'))],
      [/Expected the path of a file/, embed('-o', '-')],
      [/taken.npy exists already. Choose another output, or replace it with --force/, embed('-o', at('taken.npy'))],
      [/holds other results, which --resume cannot continue/, embed('-o', at('taken.npy'), '--resume')],
      [/full is a folder that is not empty. Choose another output/, embed('-o', at('full'), '--format', 'pt', '-f')],
      [/required option '--part <part>' not specified/, ['embed', input, '-o', at('x.npy')]],
      [/other is not installed/, ['embed', input, '-o', at('x.npy'), '--part', 'protein', '-m', 'other']],
      [/Expected DNA|protein/, ['embed', input, '-o', at('x.npy'), '--part', 'dna', '-m', 'small']],
      [/nothing exists at that path/, ['embed', at('nothing.faa'), '-o', at('x.npy'), '--part', 'protein']],
      [
        /Expected an input that is not the output/,
        ['embed', input, '-o', input, '--format', 'tsv', '-f', '--part', 'protein', '-m', 'small'],
      ],
    ];
    for (const [message, args] of refused) await failsWith(message, args, { models });
    assert.deepEqual(names(), before);
    assert.equal(readFileSync(at('taken.npy'), 'utf8'), 'mine');
  });

  it('replaces an earlier output only with --force', async () => {
    const output = at('twice.npy');
    await succeeds(['embed', inputOf(proteins(2, [10])), '-o', output, ...PROTEIN], { models });
    const first = readFileSync(output);
    const args = ['embed', inputOf(proteins(5, [10])), '-o', output, ...PROTEIN];
    await failsWith(/exists already/, args, { models });
    assert.ok(readFileSync(output).equals(first));
    await succeeds([...args, '--force'], { models });
    assert.equal(manifestOf(output).counts.embedded, 5);
    assert.equal(readFileSync(at('twice.ids.tsv'), 'utf8').trimEnd().split('\n').length, 7);
  });
});
