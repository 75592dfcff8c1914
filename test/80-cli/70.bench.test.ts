import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BENCHMARK_FIELDS } from '../../lib/benchmark.js';
import type { BenchmarkReport } from '../../lib/benchmark.js';
import { packageVersion } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

const CONTIGS = fixture('golden', 'end_to_end', 'input.fa');
const QUICK = ['--device', 'cpu', '--threads', '1', '--limit', '8', '--repeats', '1'];

describe('virnucpro bench', () => {
  let installed: InstalledModel;
  let folder: string;
  let temporaryBefore: string | undefined;

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    temporaryBefore = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
  });
  after(() => {
    if (temporaryBefore === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = temporaryBefore;
    installed.remove();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => assert.deepEqual(readdirSync(folder), [], 'something was left behind'));

  const bench = (...args: string[]) => succeeds(['bench', ...args], { models: installed.models });
  const report = async (...args: string[]): Promise<BenchmarkReport> =>
    JSON.parse((await bench(...QUICK, ...args, '--json')).output) as BenchmarkReport;
  const refuses = (message: RegExp, ...args: string[]): Promise<void> =>
    failsWith(message, ['bench', ...args], { models: installed.models });
  const near = (one: number, other: number): void => assert.ok(Math.abs(one / other - 1) < 1e-6, `${one}, ${other}`);

  it('prints one JSON object with the fields that the documentation promises, in their order', async () => {
    const found = await report('--esm', '8M', '--precision', 'fp32');
    assert.deepEqual(Object.keys(found), Object.keys(BENCHMARK_FIELDS));
    const { model, part, random_weights, engine, precision, device, threads, virnucpro: version, input } = found;
    assert.deepEqual(
      { model, part, random_weights, engine, precision, device, threads, version, input },
      {
        ...{ model: 'esm2_t6_8M_UR50D', part: 'protein', random_weights: true, engine: 'packed', precision: 'fp32' },
        ...{ device: 'cpu', threads: 1, version: packageVersion, input: 'generated' },
      },
    );
    const { sequences, tokens, batches, batch_tokens, repeats } = found;
    // Windows of 500 bases: 166 amino acids, one token before and one after.
    assert.deepEqual([sequences, tokens, batches, batch_tokens, repeats], [8, 8 * 168, 1, 4096, 1]);
    // 6 layers of 12 products of width by width, each a multiplication and an addition.
    assert.equal(found.operations_per_token, 6 * 12 * 320 ** 2 * 2);
    near(found.sequences_per_second * 168, found.tokens_per_second);
    near(found.limit_tokens_per_second! * found.operations_per_token, found.limit_gflops! * 1e9);
    near(found.matmul_efficiency! * found.limit_tokens_per_second!, found.tokens_per_second);
    assert.equal(found.forward_tokens, tokens);
    near(found.linear_seconds! + found.attention_seconds! + found.rest_seconds!, found.forward_seconds!);
    assert.ok(Math.min(found.linear_seconds!, found.attention_seconds!, found.rest_seconds!) >= 0);
    // 7.4 million float32.
    assert.ok(found.weight_bytes > 29e6 && found.weight_bytes < 60e6, String(found.weight_bytes));
    assert.equal(found.peak_memory_bytes - found.weight_bytes, found.peak_over_weights_bytes);
    assert.ok(found.peak_memory_bytes >= found.loaded_memory_bytes && found.loaded_memory_bytes > found.weight_bytes);
  });

  it('prints a table for people, and one line of what it does for the time being', async () => {
    const { output, errors } = await bench('--dna', 'dnabert_tiny', ...QUICK);
    assert.match(errors, /^writing random weights, \d+ MB, to \S+ until they are loaded\n$/);
    assert.match(output, /^dnabert_tiny, random weights, (FP32|BF16), packed engine\ncpu: .*, 1 thread, libtorch 2\./);
    assert.match(output, /\n8 sequences \(generated\), \d+ tokens in 1 batch of at most 4096; 1 repeat of \d+ pass/);
    for (const label of ['speed', 'limit', 'matmul efficiency', 'forward', ' {2}attention', 'memory', ' {2}weights']) {
      assert.match(output, new RegExp(`\n${label} +[0-9.]+ `));
    }
  });

  it('measures either part of an installed model, and writes nothing then', async () => {
    for (const [option, part, layers] of [
      ['--esm', 'protein', 3],
      ['--dna', 'dna', 3],
    ] as const) {
      const { output, errors } = await bench(option, '--model', 'golden', ...QUICK, '--json');
      assert.equal(errors, '');
      const found = JSON.parse(output) as BenchmarkReport;
      assert.deepEqual([found.model, found.part, found.random_weights], ['golden', part, false]);
      const { width, feedForward, layers: there } = installed.model[part].architecture;
      assert.equal(there, layers);
      const products = part === 'protein' ? 4 * width + 2 * feedForward : 4 * width + 3 * feedForward;
      assert.equal(found.operations_per_token, layers * 2 * width * products);
    }
  });

  it('embeds the first sequences of a FASTA file: windows of contigs, whole proteins', async () => {
    const windows = await report('--dna', '--model', 'golden', '--fasta', CONTIGS, '--limit', '5', '--tokens', '1');
    assert.deepEqual([windows.input, windows.sequences, windows.batches], [CONTIGS, 5, 5]);
    const path = join(installed.models, 'proteins.faa');
    writeFileSync(path, '>a\nMKV\n>b\nMKVLA*\n>c\nM\n');
    const proteins = await report('--esm', '--model', 'golden', '--fasta', path);
    assert.deepEqual([proteins.sequences, proteins.tokens, proteins.batches], [3, 5 + 7 + 3, 1]);
  });

  it('takes windows of 300 bases', async () => {
    assert.equal((await report('--esm', 'tiny', '--window', '300')).tokens, 8 * 2 + 3 * 100 + 5 * 99);
  });

  it('measures speed and memory of the TorchScript engine, and nothing else', async () => {
    const found = await report('--esm', '--model', 'golden', '--engine', 'torchscript', '--precision', 'fp32');
    assert.deepEqual(Object.keys(found), Object.keys(BENCHMARK_FIELDS));
    assert.equal(found.engine, 'torchscript');
    assert.ok(found.tokens_per_second > 0 && found.peak_memory_bytes > 0);
    for (const field of ['matmul_efficiency', 'limit_gflops', 'forward_seconds', 'linear_seconds'] as const) {
      assert.equal(found[field], null);
    }
    const { output } = await bench('--esm', '--model', 'golden', '--engine', 'torchscript', ...QUICK);
    assert.match(output, /\nspeed +[0-9.]+ tokens\/s/);
    assert.doesNotMatch(output, /limit|forward|NaN|null/);
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`ends at ${signal} with ${code} while weights are written, and removes them`, async () => {
      let sent = false;
      const { end, output, errors } = await virnucpro(['bench', '--esm', '35M', ...QUICK], {
        watch: (written, child) => {
          if (!sent && written.includes('writing')) sent = child.kill(signal);
        },
      });
      assert.deepEqual([end, output], [code, ''], errors);
    });
  }

  it('refuses in one line', async () => {
    await refuses(/Expected --esm or --dna for bench but received neither/);
    await refuses(/Expected --esm or --dna for bench but received both/, '--esm', '8M', '--dna');
    await refuses(/Expected a size or a model .* received neither\. Name a size of ESM-2/, '--esm');
    await refuses(/Expected a size or a model .* received both/, '--esm', '8M', '--model', 'golden');
    await refuses(/Expected one of esm2_tiny, .* for the size of ESM-2 but received "9M"/, '--esm', '9M');
    await refuses(/Expected one of dnabert_tiny, dnabert_s .* received "t6"/, '--dna', 't6');
    await refuses(/The model nonsense is not installed in .*; available: golden/, '--esm', '--model', 'nonsense');
    await refuses(/nothing exists at that path/, '--esm', '8M', '--fasta', join(folder, 'no such.fa'));
    await refuses(/record "p" .* protein letters/, '--esm', '8M', '--fasta', proteinWithStop());
    await refuses(/Expected one of cpu.* for a device but received cuda:99/, '--esm', '8M', '--device', 'cuda:99');
    await refuses(/--window .*Allowed choices are 300, 500/, '--dna', '--window', '400');
    await refuses(/--limit .*Expected a whole number from 1/, '--dna', '--limit', '0');
  });

  function proteinWithStop(): string {
    const path = join(installed.models, 'stop.faa');
    writeFileSync(path, '>p\nMK*V\n');
    return path;
  }
});
