import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RunManifest } from '../../lib/output/manifest.js';
import { tableRows } from '../table-rows.js';
import { succeeds } from './command-line.js';

const EXACT = ['--model', 'tiny', '--precision', 'fp32', '--device', 'cpu', '--threads', '1'];
const SO_THAT =
  'so rows can be distinguished only by source and record, and those of the classic files (prediction_results*) not at all';

describe('virnucpro predict, of several inputs', () => {
  let folder: string;
  let samples: string;
  let soil: string;
  let water: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    samples = join(folder, 'samples');
    mkdirSync(join(samples, 'nested'), { recursive: true });
    const record = (id: string, codon: string): string => `>${id} flag=1\n${codon.repeat(40)}\n`;
    [soil, water] = [join(samples, 'soil.fa'), join(samples, 'water.fa')];
    writeFileSync(soil, record('k141_0', 'GCT') + record('k141_1', 'AAA') + record('soil', 'GGC'));
    writeFileSync(water, record('k141_1', 'CCA') + record('k141_0', 'GAG'));
    writeFileSync(join(samples, 'nested', 'deep.fa'), record('deep', 'GCT'));
    writeFileSync(join(samples, 'x.fa.txt'), record('x', 'GCT'));
    writeFileSync(join(folder, 'soil.fa.gz'), gzipSync(readFileSync(soil)));
    writeFileSync(join(folder, 'blank.fa'), '\n');
    const random = ['models', 'random', '--name', 'tiny', '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds([...random, '--chunk-size', '60'], { models: folder });
  });
  after(() => rmSync(folder, { recursive: true }));

  const path = (...names: string[]): string => join(folder, ...names);
  const warningsIn = (output: string): readonly string[] =>
    (JSON.parse(readFileSync(path(output, 'run.json'), 'utf8')) as RunManifest).warnings.slice(1);
  /** The messages of the command, with their events. */
  const predict = async (inputs: readonly string[], ...args: string[]): Promise<{ event: string; msg: string }[]> => {
    const all = ['predict', ...inputs, ...EXACT, '--log-format', 'json', ...args];
    const { errors } = await succeeds(all, { models: folder });
    const lines = errors.trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as { event: string; msg: string });
  };

  it('tells apart the rows of ids that come more than once, and says that they do', async () => {
    await predict([soil, water], '-o', path('ids'));
    const records = [
      ['k141_0', soil, '1'],
      ['k141_1', soil, '2'],
      ['soil', soil, '3'],
      ['k141_1', water, '4'],
      ['k141_0', water, '5'],
    ];
    const places = (name: string): (string | undefined)[][] =>
      tableRows(path('ids', name)).map(({ contig, source, record }) => [contig, source, record]);
    assert.deepEqual(places('contigs.tsv'), records);
    // Two windows of 60 bases per record.
    assert.deepEqual(
      places('windows.tsv'),
      records.flatMap((record) => [record, record]),
    );
    const warnings = [`2 ids occur more than once, ${SO_THAT}: k141_1 (${soil}, ${water}), k141_0 (${soil}, ${water})`];
    assert.deepEqual(warningsIn('ids'), warnings);
    await succeeds(['call', path('ids'), '--threshold', '0.3']);
    assert.deepEqual(places('contigs.tsv'), records);
    assert.deepEqual(warningsIn('ids'), warnings);
  });

  it('names what of a directory is not read, before anything is loaded and once', async () => {
    const output = join(samples, 'results');
    const log = await predict([samples], '-o', output);
    const text = `2 entries of directory ${samples} are not read: 1 folder, which is not searched (nested); 1 file with another ending (x.fa.txt)`;
    const [said, ...again] = log.flatMap(({ msg }, index) => (msg === text ? [index] : []));
    assert.ok(said! < log.findIndex(({ event }) => event === 'loading'));
    assert.deepEqual(again, []);
    assert.equal(warningsIn(join('samples', 'results')).filter((warning) => warning === text).length, 1);
    assert.ok(readFileSync(join(output, 'run.log'), 'utf8').includes(text));
    // The results inside it do not count as inputs.
    const resumed = await predict([samples], '-o', output, '--resume');
    assert.equal(resumed.filter(({ msg }) => msg === text).length, 1);
    assert.equal(resumed.at(-1)!.event, 'complete-already');
  });

  it('names an input that is given twice, as itself or packed, and one without records', async () => {
    const packed = path('soil.fa.gz');
    const blank = path('blank.fa');
    const other = `${samples}/../samples/soil.fa`;
    const log = await predict([soil, other, packed, blank], '-o', path('twice'));
    const same = (again: string): string =>
      `input ${again} has the same content as input ${soil}, so its records are read more than once`;
    const warnings = warningsIn('twice');
    assert.match(warnings[0]!, /^3 ids occur more than once/);
    assert.deepEqual(warnings.slice(1), [
      same(other),
      same(packed),
      `no records in ${blank}: it contains only white space`,
    ]);
    const loading = log.findIndex(({ event }) => event === 'loading');
    assert.ok(log.findIndex(({ msg }) => msg === same(other)) < loading);
    for (const text of warnings) assert.equal(log.filter(({ msg }) => msg === text).length, 1, text);
  });
});
