import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { fixture } from '../repository.js';
import { succeeds } from './command-line.js';

const EXACT = ['--model', 'tiny', '--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--keep-intermediate'];

/** Lines of at most `columns` letters. */
function wrapped(letters: string, columns: number): string[] {
  return letters.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [];
}

interface TestRecord {
  readonly header: string;
  readonly letters: string;
}

interface Predicted {
  /** The classic files, and the sequences of viruses. */
  readonly files: readonly string[];
  readonly manifest: RunManifest;
  readonly errors: string;
}

/** Another way to write a file of these records. */
type Writing = (records: readonly TestRecord[]) => string;

function fastaOf(records: readonly TestRecord[], begin: string, lines: (letters: string) => string[]): string {
  return records.map(({ header, letters }) => [`${begin}>${header}`, ...lines(letters), ''].join('\n')).join('');
}

const plain = (letters: string): string[] => wrapped(letters, 60);

const WRITINGS: Record<string, Writing> = {
  'numbers as in GenBank': (records) =>
    fastaOf(records, '', (letters) =>
      wrapped(letters, 60).map((line, row) => `${String(60 * row + 1).padStart(9)} ${wrapped(line, 10).join(' ')}`),
    ),
  'numbers as in EMBL': (records) =>
    fastaOf(records, '', (letters) =>
      wrapped(letters, 60).map((line, row) => `     ${wrapped(line, 10).join(' ')}   ${60 * row + line.length}`),
    ),
  'comment lines': (records) => `# made by x\n;y > z\n${fastaOf(records, '#\n!\n; a comment\n', plain)}`,
  'blanks and byte order marks before headers': (records) => fastaOf(records, '\uFEFF \t', plain),
  'lines of dashes between': (records) => fastaOf(records, '--\n', plain),
  'gaps and a star at the end': (records) =>
    fastaOf(records, '', (letters) => plain(letters).map((line) => `-${line}..`)).replaceAll(/\.\.\n(?=>|$)/g, '..*\n'),
  'wrapped FASTQ': (records) =>
    records
      .map(({ header, letters }) =>
        [`@${header}`, letters, '+', ...wrapped('@'.repeat(letters.length), 40), ''].join('\n'),
      )
      .join(''),
};

describe('virnucpro predict, of letters as people have them', () => {
  let folder: string;
  let records: TestRecord[];
  /** The results for the records as DNA in lines of 60. */
  let dna: Predicted;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    const random = ['models', 'random', '--name', 'tiny', '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds([...random, '--chunk-size', '60'], { models: folder });
    records = readFileSync(fixture('input', 'contigs.fa'), 'utf8')
      .split(/^>/m)
      .slice(1)
      .map((record) => {
        const [header = '', ...lines] = record.split('\n');
        return { header, letters: lines.join('').replace(/\s/g, '') };
      })
      .filter(({ letters }) => /^[ACGTN]+$/i.test(letters));
    assert.ok(records.length >= 3);
    dna = await predicted(fastaOf(records, '', plain));
  });
  after(() => rmSync(folder, { recursive: true }));

  const NAMES = ['prediction_results.txt', 'prediction_results_highestscore.csv', 'virus.fna'];
  const INTERMEDIATE = ['input_chunked60.fa', 'input_identified_nucleotide.fa', 'input_identified_protein.faa'];

  async function predicted(content: string): Promise<Predicted> {
    const input = join(folder, 'input.fa');
    writeFileSync(input, content);
    const output = join(folder, 'output');
    const { errors } = await succeeds(['predict', input, '-o', output, '-f', ...EXACT], { models: folder });
    const files = [...NAMES, ...INTERMEDIATE].map((name) => readFileSync(join(output, name), 'utf8'));
    return { files, manifest: JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest, errors };
  }

  for (const [name, write] of Object.entries(WRITINGS)) {
    it(`gives the same files for ${name}`, async () => {
      const { files, manifest } = await predicted(write(records));
      assert.deepEqual(files, dna.files);
      const { counts, warnings } = manifest;
      assert.equal(counts.records, records.length);
      const isWarned = warnings.some((text) =>
        /^\d+ gap characters? \(- and \.\) in \d+ records? (was|were) left out\. Positions do not count them$/.test(
          text,
        ),
      );
      assert.equal(isWarned, counts.gaps > 0);
      assert.equal(counts.gaps > 0, /gaps|dashes/.test(name));
    });
  }

  it('reads U as T everywhere, keeps it in the sequences of viruses, and says so once', async () => {
    const rna = await predicted(
      fastaOf(records, '', (letters) => plain(letters.replaceAll('T', 'U').replaceAll('t', 'u'))),
    );
    const virus = NAMES.indexOf('virus.fna');
    const letters = (text: string): string => text.replace(/^>.*$/gm, '');
    assert.match(letters(rna.files[virus]!), /U/);
    assert.doesNotMatch(letters(rna.files[virus]!), /T/i);
    const withT = rna.files.map((text, index) =>
      index === virus ? text.replace(/^[^>].*$/gm, (line) => line.replaceAll('U', 'T').replaceAll('u', 't')) : text,
    );
    assert.deepEqual(withT, dna.files);
    const count = records.reduce((sum, record) => sum + (record.letters.match(/T/gi)?.length ?? 0), 0);
    const { uracil, recordsWithUracil, ...others } = rna.manifest.counts;
    const withLetter = records.filter((record) => /T/i.test(record.letters)).length;
    assert.deepEqual([uracil, recordsWithUracil], [count, withLetter]);
    assert.deepEqual({ ...others, uracil: 0, recordsWithUracil: 0 }, dna.manifest.counts);
    const told = rna.errors.match(/WARN: (\d+) letters U in (\d+) records? were read as T\n/g);
    assert.equal(told?.length, 1, rna.errors);
  });
});
