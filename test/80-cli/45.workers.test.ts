import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { NO_AVX512, skip, sumsAlikeWithAnyThreads } from '../skipped.js';
import { succeeds, virnucpro } from './command-line.js';

const FILES = [
  'contigs.tsv',
  'windows.tsv',
  'prediction_results.txt',
  'prediction_results_highestscore.csv',
  'virus.fna',
];

/** Contigs of various lengths, with many ORFs and with few. */
function contigs(count: number): string {
  const next = seededNumbers(5);
  const draw = (below: number): number => (next() >>> 8) % below;
  return Array.from({ length: count }, (_, index) => {
    const alphabet = ['ACG', 'ACGT', 'ACGTN'][draw(3)]!;
    const letters = Array.from({ length: 1 + draw(4000) }, () => alphabet[draw(alphabet.length)]).join('');
    return `>contig_${index}\n${letters}\n`;
  }).join('');
}

interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

describe('virnucpro predict on several workers', () => {
  let installed: InstalledModel;
  let folder: string;
  let input: string;
  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-workers-'));
    input = join(folder, 'contigs.fa');
    writeFileSync(input, contigs(40));
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  async function predict(name: string, ...args: string[]): Promise<{ output: string; log: LogLine[] }> {
    const output = join(folder, name);
    const always = ['--device', 'cpu', '--log-format', 'json', '--esm-batch-size', '2048'];
    const { errors } = await succeeds(['predict', input, '-o', output, ...always, ...args], {
      models: installed.models,
    });
    const log = errors.trimEnd().split('\n');
    return { output, log: log.map((line) => JSON.parse(line) as LogLine) };
  }
  const manifestOf = (output: string): RunManifest =>
    JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;

  async function checkSameBytes(precision: string, threads: readonly [one: number, two: number, four: number]) {
    const run = (workers: number, all: number) =>
      predict(
        `${precision}-${workers}-${threads.join('-')}`,
        ...['--precision', precision],
        ...['--workers', `${workers}`],
        '--threads',
        `${all}`,
      );
    const [one, ...several] = [await run(1, threads[0]), await run(2, threads[1]), await run(4, threads[2])];
    for (const [index, { output }] of several.entries()) {
      for (const file of FILES) {
        assert.ok(readFileSync(join(one.output, file)).equals(readFileSync(join(output, file))), file);
      }
      const { devices, counts } = manifestOf(output);
      assert.deepEqual(
        devices.map(({ id }) => id),
        Array.from({ length: 2 << index }, (_, worker) => `cpu:${worker}`),
      );
      assert.ok(
        devices.every(({ batches }) => batches > 0),
        'every worker had some of it',
      );
      assert.equal(
        devices.reduce((sum, { frames }) => sum + frames, 0),
        counts.framesScored,
      );
    }
  }

  for (const precision of ['fp32', 'bf16'] as const) {
    it(`gives the same bytes with 1, 2 and 4 of them in ${precision}`, () => checkSameBytes(precision, [1, 2, 4]));

    it(`gives the same bytes where 1, 2 and 4 of them share the threads in ${precision}`, function () {
      if (!sumsAlikeWithAnyThreads()) skip(this, NO_AVX512);
      return checkSameBytes(precision, [2, 2, 2]);
    });
  }

  it('names every worker before the work starts and what it did at the end', async () => {
    const { log } = await predict('names', '--workers', '2', '--threads', '2', '--progress-interval', '0.1');
    const events = log.map(({ event }) => event);
    assert.deepEqual(
      log.filter(({ event }) => event === 'device').map(({ device, threads }) => [device, threads]),
      [
        ['cpu:0', 1],
        ['cpu:1', 1],
      ],
    );
    for (const line of log.filter(({ event }) => event === 'device')) {
      assert.match(String(line['msg']), /(BF16|FP32) enabled.* ESM-2 and \d+ DNABERT-S tokens a batch/);
    }
    const firstWork = events.findIndex((event) => event === 'progress');
    assert.ok(firstWork < 0 || events.lastIndexOf('device') < firstWork);
    assert.deepEqual(
      log.filter(({ event }) => event === 'device-summary').map(({ device }) => device),
      ['cpu:0', 'cpu:1'],
    );
    // Its workers share the CPU's memory.
    const memory = log.filter(({ event }) => event === 'memory').at(-1)!;
    assert.equal(memory['device'], 'cpu');
    assert.ok((memory['peak'] as number) > 1e7 && (memory['free'] as number) < (memory['total'] as number));
    assert.ok(log.every((line) => line['schema'] === 1 && line['level'] !== undefined && line['time'] !== undefined));
  });

  it('splits what does not fit into --max-memory, and gives the same scores', async () => {
    const args = ['--precision', 'fp32', '--esm-batch-size', '100000', '--dnabert-batch-size', '100000'];
    const all = await predict('all-memory', ...args);
    const little = await predict('little-memory', ...args, '--max-memory', '3M');
    const splits = little.log.filter(({ event }) => event === 'batch-split');
    assert.ok(splits.length > 0);
    assert.ok(splits.every(({ code }) => code === 'VNP_MEMORY'));
    const scores = (output: string): number[] =>
      readFileSync(join(output, 'prediction_results.txt'), 'utf8')
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => Number(line.split('\t')[3]));
    const [expected, found] = [scores(all.output), scores(little.output)];
    assert.equal(found.length, expected.length);
    assert.ok(found.every((score, index) => Math.abs(score - expected[index]!) <= 1e-5));
  });

  it('does nothing where the weights alone are more than --max-memory, and says so', async () => {
    const output = join(folder, 'too-little');
    const args = ['predict', input, '-o', output, '--device', 'cpu', '--max-memory', '10K'];
    const { end, errors } = await virnucpro(args, { models: installed.models });
    assert.equal(end, 1, errors);
    assert.match(errors, /virnucpro: The weights of this worker take .* no room within 10 KiB \(--max-memory\)/);
    assert.ok(!existsSync(output));
  });

  it('warns when memory runs short, once', async () => {
    const { log } = await predict('warned', '--memory-warning', '0.01');
    const warnings = log.filter(({ event }) => event === 'memory-pressure');
    assert.equal(warnings.length, 1);
    assert.match(String(warnings[0]!['msg']), /lower --esm-batch-size/);
  });
});
