import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { tableRows } from '../table-rows.js';
import { succeeds } from './command-line.js';

const TOLERANCE = 1e-5;
const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1'];

function golden(name: string): string {
  return readFileSync(fixture('golden', 'end_to_end', name), 'utf8');
}

function cells(text: string): string[][] {
  return text.split('\n').map((line) => line.split('\t'));
}

describe('virnucpro predict', () => {
  let installed: InstalledModel;
  let folder: string;
  let output: string;

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    output = join(folder, 'golden');
    const args = ['predict', INPUT, '-o', output, '--keep-intermediate', ...EXACT];
    const ended = await succeeds(args, { models: installed.models });
    assert.equal(ended.output, '', 'standard output is for no log');
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  const predict = (inputs: string[], name: string, ...args: string[]) =>
    succeeds(['predict', ...inputs, '-o', join(folder, name), ...EXACT, ...args], { models: installed.models });
  const result = (name: string, file: string): string => readFileSync(join(folder, name, file), 'utf8');
  /** Every cell of windows.tsv except those that name a record's input. */
  const windowsWithoutSource = (name: string): string[][] => {
    const [[comment], header, ...rows] = cells(result(name, 'windows.tsv')) as [string[], string[], ...string[][]];
    return [[comment!], ...[header, ...rows].map((row) => row.filter((_, at) => header[at] !== 'source'))];
  };

  for (const name of [
    'input_chunked500.fa',
    'input_identified_nucleotide.fa',
    'input_identified_protein.faa',
    'prediction_results_highestscore.csv',
  ]) {
    it(`writes ${name} as the classic tool does, byte for byte`, () => {
      assert.equal(readFileSync(join(output, name), 'utf8'), golden(name));
    });
  }

  it('writes prediction_results.txt as the classic tool does, but for the last digits of scores', () => {
    const [rows, wanted] = [
      cells(readFileSync(join(output, 'prediction_results.txt'), 'utf8')),
      cells(golden('prediction_results.txt')),
    ];
    assert.deepEqual(
      rows.map(([id, call]) => [id, call]),
      wanted.map(([id, call]) => [id, call]),
    );
    for (const [index, row] of rows.entries()) {
      for (const column of [2, 3]) {
        const [ours, theirs] = [row[column], wanted[index]![column]];
        if (theirs === undefined || Number.isNaN(Number(theirs))) assert.equal(ours, theirs);
        else assert.ok(Math.abs(Number(ours) - Number(theirs)) <= TOLERANCE, `${row[0]}: ${ours}, ${theirs}`);
      }
    }
  });

  it('has a row for every record and every window', () => {
    const ids = golden('input.fa')
      .split('\n')
      .filter((line) => line.startsWith('>'))
      .map((line) => line.slice(1).split(/\s/)[0]);
    const contigs = tableRows(join(output, 'contigs.tsv'));
    assert.deepEqual(
      contigs.map(({ contig }) => contig),
      ids,
    );
    const windows = tableRows(join(output, 'windows.tsv'));
    assert.equal(windows.length, golden('input_chunked500.fa').match(/>/g)!.length);
    for (const { contig, windows: count } of contigs) {
      assert.equal(windows.filter((window) => window['contig'] === contig).length, Number(count));
    }
  });

  it('writes the viral records whole', () => {
    const viral = tableRows(join(output, 'contigs.tsv')).filter(({ verdict }) => verdict === 'virus');
    const records = result('golden', 'virus.fna').split('>').slice(1);
    assert.ok(viral.length > 0);
    assert.deepEqual(
      records.map((record) => record.split(/\s/)[0]),
      viral.map(({ contig }) => contig),
    );
    records.forEach((record, index) => {
      const letters = record.slice(record.indexOf('\n')).replaceAll('\n', '');
      assert.equal(letters.length, Number(viral[index]!['length']));
    });
  });

  it('describes the run in run.json', () => {
    const run = JSON.parse(result('golden', 'run.json')) as Record<string, never>;
    assert.equal(run['outcome'], 'complete');
    const { model, counts, inputs, files, commandLine, warnings, devices } = run as unknown as {
      model: { name: string; random: boolean };
      counts: { records: number; windows: number };
      inputs: { path: string; bytes: number }[];
      files: { name: string }[];
      commandLine: string[];
      warnings: string[];
      devices: { tokens: number; busySeconds: number; tokensPerSecond: number; matmulEfficiency: number | null }[];
    };
    const [device] = devices;
    assert.equal(device!.tokensPerSecond, device!.tokens / device!.busySeconds);
    assert.ok(device!.matmulEfficiency === null || device!.matmulEfficiency > 0);
    assert.deepEqual([model.name, model.random, warnings], ['golden', false, []]);
    assert.deepEqual([counts.records, counts.windows], [9, 26]);
    assert.deepEqual([inputs[0]!.path, inputs[0]!.bytes], [INPUT, readFileSync(INPUT).length]);
    assert.ok(commandLine.includes('--keep-intermediate'));
    const names = files.map(({ name }) => name);
    assert.deepEqual([...names, 'run.json', 'run.log'].sort(), readdirSync(output).sort());
  });

  it('writes the same bytes a second time, without the intermediate files when they are not asked for', async () => {
    await predict([INPUT], 'again');
    for (const name of ['contigs.tsv', 'windows.tsv', 'prediction_results.txt', 'virus.fna']) {
      assert.equal(result('again', name), result('golden', name), name);
    }
    assert.deepEqual(
      readdirSync(join(folder, 'again')).filter((name) => /chunked|identified/.test(name)),
      [],
    );
  });

  it('reads standard input', async () => {
    const args = ['predict', '-', '-o', join(folder, 'stdin'), '--keep-intermediate', ...EXACT];
    await succeeds(args, { models: installed.models, input: readFileSync(INPUT) });
    assert.deepEqual(windowsWithoutSource('stdin'), windowsWithoutSource('golden'));
    assert.equal(result('stdin', 'stdin_chunked500.fa'), golden('input_chunked500.fa'));
    for (const name of ['contigs.tsv', 'windows.tsv']) {
      assert.ok(tableRows(join(folder, 'stdin', name)).every(({ source }) => source === "'-"));
    }
  });

  it('reads several files and directories one after another', async () => {
    const records = golden('input.fa').split(/^(?=>)/m);
    const inputs = join(folder, 'inputs');
    mkdirSync(inputs);
    writeFileSync(join(inputs, 'a.fa'), records.slice(0, 2).join(''));
    writeFileSync(join(inputs, 'b.fasta'), records.slice(2, 5).join(''));
    writeFileSync(join(inputs, 'notes.txt'), 'no FASTA');
    const last = join(folder, 'last.fa');
    writeFileSync(last, records.slice(5).join(''));
    await predict([inputs, last], 'several', '--keep-intermediate');
    assert.deepEqual(windowsWithoutSource('several'), windowsWithoutSource('golden'));
    assert.equal(result('several', 'inputs_chunked500.fa'), golden('input_chunked500.fa'));
    for (const name of ['contigs.tsv', 'windows.tsv']) {
      const sources = tableRows(join(folder, 'several', name)).map(({ source }) => source);
      assert.deepEqual(new Set(sources), new Set([join(inputs, 'a.fa'), join(inputs, 'b.fasta'), last]), name);
    }
  });

  it('writes tables of nothing but their headers for empty input', async () => {
    const empty = join(folder, 'empty.fa');
    writeFileSync(empty, '');
    await predict([empty], 'empty');
    assert.deepEqual(tableRows(join(folder, 'empty', 'contigs.tsv')), []);
    assert.deepEqual(tableRows(join(folder, 'empty', 'windows.tsv')), []);
    assert.equal(result('empty', 'prediction_results.txt'), `${golden('prediction_results.txt').split('\n')[0]!}\n`);
    assert.equal(result('empty', 'virus.fna'), '');
    assert.equal((JSON.parse(result('empty', 'run.json')) as { outcome: string }).outcome, 'complete');
  });

  it('replaces the files of an earlier run with --force, and nothing else', async () => {
    cpSync(output, join(folder, 'forced'), { recursive: true });
    copyFileSync(INPUT, join(folder, 'forced', 'mine.txt'));
    const one = join(folder, 'one.fa');
    writeFileSync(one, golden('input.fa').split(/^(?=>)/m)[0]!);
    await predict([one], 'forced', '--force');
    assert.equal(tableRows(join(folder, 'forced', 'contigs.tsv')).length, 1);
    assert.equal(result('forced', 'mine.txt'), golden('input.fa'));
    assert.ok(readdirSync(join(folder, 'forced')).every((name) => !name.startsWith('.')));
  });

  it('says of random weights that they are, wherever results are read', async () => {
    const random = ['models', 'random', '--name', 'tiny', '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds(random, { models: installed.models });
    const args = ['predict', INPUT, '-m', 'tiny', '-o', join(folder, 'random'), ...EXACT];
    const { errors } = await succeeds(args, { models: installed.models });
    assert.match(errors, /WARN: tiny: random weights: not a prediction/);
    for (const name of ['contigs.tsv', 'windows.tsv']) {
      assert.match(result('random', name).split('\n')[0]!, /random weights: not a prediction/);
    }
    const run = JSON.parse(result('random', 'run.json')) as { model: { random: boolean } };
    assert.equal(run.model.random, true);
    await succeeds(['models', 'remove', 'tiny'], { models: installed.models });
  });

  it('logs JSON lines, each with its event', async () => {
    const { errors } = await predict([INPUT], 'json', '--log-format', 'json', '--progress-interval', '0.001');
    const lines = errors
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) {
      for (const field of ['level', 'event', 'msg']) assert.equal(typeof line[field], 'string', JSON.stringify(line));
      assert.ok(!Number.isNaN(Date.parse(String(line['time']))));
    }
    const events = lines.map(({ event }) => event);
    assert.deepEqual(
      events.filter((event) => event !== 'progress' && event !== 'memory'),
      ['loading', 'device', 'device-summary', 'finished'],
    );
  });

  it('logs nothing but errors when asked to', async () => {
    assert.equal((await predict([INPUT], 'quiet', '--log-level', 'error')).errors, '');
  });
});
