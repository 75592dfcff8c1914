import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RunManifest } from '../../lib/output/manifest.js';
import { fixture } from '../repository.js';
import { tableRows } from '../table-rows.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

const EXACT = ['--model', 'tiny', '--precision', 'fp32', '--device', 'cpu', '--threads', '1'];
const PROTEIN = 'MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKW';

describe('virnucpro predict, of any input', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    const random = ['models', 'random', '--name', 'tiny', '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds([...random, '--chunk-size', '60'], { models: folder });
  });
  after(() => rmSync(folder, { recursive: true }));

  const result = (output: string, name: string): string => readFileSync(join(folder, output, name), 'utf8');

  function write(name: string, content: string | Uint8Array): string {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  }

  it('gives the same for a packed input as for a plain one, from a file and from standard input', async () => {
    const predict = ['predict', ...EXACT, '--keep-intermediate'];
    await succeeds([...predict, fixture('input', 'contigs.fa'), '-o', join(folder, 'plain')], { models: folder });
    // Equal except for the path of the input.
    const tables = (output: string, input: string): string[] => [
      result(output, 'windows.tsv').replaceAll(`\t${input}\t`, '\tINPUT\t'),
      ...['prediction_results.txt', 'virus.fna'].map((table) => result(output, table)),
    ];
    const plain = tables('plain', fixture('input', 'contigs.fa'));
    assert.match(plain[0]!, /\tINPUT\t/);
    for (const name of ['contigs.fa.gz', 'contigs.fa.bz2', 'contigs.fa.xz', 'contigs.fa.zst']) {
      await succeeds([...predict, fixture('input', name), '-o', join(folder, name)], { models: folder });
      assert.deepEqual(tables(name, fixture('input', name)), plain);
      // The classic files are named after the input without both of its extensions.
      assert.deepEqual(readdirSync(join(folder, name)), readdirSync(join(folder, 'plain')));
    }
    const input = readFileSync(fixture('input', 'contigs.fa.zst'));
    await succeeds([...predict, '-', '-o', join(folder, 'piped')], { models: folder, input });
    assert.deepEqual(tables('piped', "'-"), plain);
  });

  it('computes the sound records, names the others everywhere, and ends with 2', async () => {
    const sound = 'ATGGCTGCTAAAGGTCTG'.repeat(5);
    const mixed = write('mixed.fa', `>a\n${sound}\n>p q\n${PROTEIN}\n>nul|\n${sound}\0\n>b\n${sound}\n`);
    const reads = write('reads.gz', gzipSync(`@r1\n${sound}\n+\n${'I'.repeat(90)}\n@r2\n${sound}\n+\nIII\n`));
    const args = ['predict', mixed, reads, '-o', join(folder, 'mixed'), ...EXACT];
    const { end, errors } = await virnucpro(args, { models: folder });
    assert.equal(end, 2, errors);
    assert.match(errors, /WARN: 3 invalid records, for which nothing was computed; contigs\.tsv says why/);
    assert.deepEqual(
      tableRows(join(folder, 'mixed', 'contigs.tsv')).map(({ contig, verdict, windows, status, reason }) => [
        contig,
        windows,
        status,
        reason,
        verdict === 'none',
      ]),
      [
        ['a', '2', 'scored', '', false],
        [
          'p',
          '0',
          'invalid',
          'protein where DNA was expected (28 of 76 letters stand for amino acids only), from line 3',
          true,
        ],
        ['nul|', '0', 'invalid', 'a byte that is not a nucleotide letter (0x00) in line 6, column 91', true],
        ['b', '2', 'scored', '', false],
        ['r1', '2', 'scored', '', false],
        ['r2', '0', 'invalid', '3 quality values for 90 letters in the record of line 5', true],
      ],
    );
    assert.equal(
      result('mixed', 'failed_files.txt'),
      [
        `${mixed}|input|record 2, p: protein where DNA was expected (28 of 76 letters stand for amino acids only), from line 3\n`,
        `${mixed}|input|record 3, nul|: a byte that is not a nucleotide letter (0x00) in line 6, column 91\n`,
        `${reads}|input|record 6, r2: 3 quality values for 90 letters in the record of line 5\n`,
      ].join(''),
    );
    const { outcome, counts } = JSON.parse(result('mixed', 'run.json')) as RunManifest;
    assert.deepEqual([outcome, counts.records, counts.invalid, counts.empty], ['partial', 6, 3, 0]);
  });

  it('refuses protein before a model is loaded', async () => {
    const path = write('proteins.faa', `>p\n${PROTEIN}\n`);
    const args = ['predict', path, '-o', join(folder, 'none'), '--model', 'tiny'];
    await failsWith(/Input .*proteins\.faa is protein, not DNA: 1 of its first 1/, args, {
      models: folder,
    });
  });

  it('takes no header for a path', async () => {
    const inside = join(folder, 'inside');
    mkdirSync(inside);
    const headers = ['../escaped', '/etc/passwd', '..\\x', 'a/b/c', '$(touch owned)'];
    const path = write('headers.fa', headers.map((header) => `>${header}\n${'ATGGCTGCT'.repeat(8)}\n`).join(''));
    const before = readdirSync(folder).sort();
    const args = ['predict', path, '-o', join(inside, 'out'), '--keep-intermediate', ...EXACT];
    await succeeds(args, { models: folder });
    assert.deepEqual(readdirSync(folder).sort(), before);
    assert.deepEqual(readdirSync(inside), ['out']);
    const escaped = readFileSync(join(inside, 'out', 'contigs.tsv'), 'utf8')
      .split('\n')
      .slice(2, -1);
    assert.deepEqual(
      escaped.map((row) => row.split('\t')[0]),
      ['../escaped', '/etc/passwd', '..\\\\x', 'a/b/c', '$(touch'],
    );
  });
});
