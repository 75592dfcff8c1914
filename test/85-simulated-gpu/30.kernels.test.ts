import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alike, type OwnKernels, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { named, predict, resultsOf, scoreDifference, type Prediction } from '../simulated-gpu/predict.js';
import { readReport } from '../simulated-gpu/report.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';
import { virnucpro, type Ended } from '../80-cli/command-line.js';
import { fixture, repositoryRoot } from '../repository.js';

/** All kernels that the two models use; attention is compiled for heads of 32. */
const KERNELS = ['add_norm', 'alibi_attention_32', 'bias_gelu', 'gelu_times', 'rotary', 'sequence_mean'] as const;

const INSTEAD = "libtorch's operators are used instead";

describe('kernels of this project on simulated GPUs', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-kernels-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const input = fixture('input', 'contigs.fa');

  async function run(
    name: string,
    precision: string,
    machine: Partial<SimulatedMachine>,
    args: readonly string[] = [],
  ): Promise<Prediction> {
    const environment = gpus.environment({ gpus: alike(1), ...machine });
    const ended = await predict(input, join(folder!, name), ['--precision', precision, ...args], { environment });
    assert.equal(ended.end, 0, ended.errors);
    return ended;
  }

  function launched(report: string): string[] {
    return readReport(report).devices.flatMap(({ kernels }) => Object.keys(kernels));
  }

  /** The messages of a GPU's worker about its kernels. */
  function messages(ended: Prediction): string[] {
    return named(ended, 'worker-message').map(({ text }) => String(text));
  }

  /** Names of the compiled kernels, from the fake compiler's file. */
  function compiledKernels(record: string): string[] {
    const lines = existsSync(record) ? readFileSync(record, 'utf8').trimEnd().split('\n') : [];
    return lines.map((line) => line.split(' ')[0]!).sort();
  }

  let byOperators: Prediction;
  before(async () => {
    byOperators = await run('operators', 'fp32', {});
  });

  for (const [precision, tolerance] of [
    ['fp32', 1e-5],
    ['bf16', 0.05],
    ['fp16', 0.02],
  ] as const) {
    it(`compute the scores of libtorch's operators in ${precision}, and nothing is left out`, async () => {
      const report = join(folder!, `${precision}.json`);
      const ended = await run(precision, precision, { kernels: {}, report });
      assert.deepEqual(messages(ended), []);
      const difference = scoreDifference(byOperators, ended);
      assert.ok(difference < tolerance, `${difference}`);
      const names = launched(report);
      for (const kernel of KERNELS) assert.ok(names.includes(kernel), `${kernel} was not launched`);
    });
  }

  it('are tried within the memory that a worker may take, which libtorch has to know first', async () => {
    const ended = await run('max-memory', 'fp32', { kernels: {} }, ['--max-memory', '4G']);
    assert.deepEqual(messages(ended), []);
  });

  it('give the same bytes on one and on two GPUs', async () => {
    const [one, two] = [
      await run('one', 'bf16', { kernels: {} }),
      await run('two', 'bf16', { gpus: alike(2), kernels: {} }),
    ];
    assert.equal(resultsOf(one), resultsOf(two));
  });

  it('are not there where VIRNUCPRO_CUDA_KERNELS is 0', async () => {
    const report = join(folder!, 'without.json');
    await run('without', 'fp32', { report });
    assert.deepEqual(
      launched(report).filter((name) => (KERNELS as readonly string[]).includes(name)),
      [],
    );
  });

  for (const wrong of KERNELS) {
    it(`are left out, with a warning, where they are wrong: ${wrong}`, async () => {
      const ended = await run(`wrong-${wrong}`, 'fp32', { kernels: { wrong } });
      const [warning, ...others] = messages(ended);
      const name = wrong.replace(/_\d+$/, '');
      assert.ok(warning?.includes(`\`${name}\` does not compute what libtorch does`), warning);
      assert.deepEqual(others, []);
      const difference = scoreDifference(byOperators, ended);
      assert.ok(difference < 1e-5, `${difference}`);
    });
  }

  it('are missed once where there is no compiler', async () => {
    const ended = await run('missing', 'fp32', { gpus: alike(2), kernels: { compiler: false } });
    const [message, ...others] = messages(ended);
    assert.match(message ?? '', /NVRTC.*was not found/);
    assert.ok(message?.includes(INSTEAD), message);
    assert.deepEqual(others, []);
    assert.ok(scoreDifference(byOperators, ended) < 1e-5);
  });

  it('are missed alone where one does not compile, and used without being kept where the folder cannot be made', async () => {
    const cache = join(folder!, 'no-folder');
    writeFileSync(cache, '');
    const record = join(folder!, 'not-kept');
    const report = join(folder!, 'refused.json');
    const ended = await run('refused', 'fp32', { kernels: { refused: 'rotary', cache, record }, report });
    const [message, ...others] = messages(ended);
    assert.match(message ?? '', /cannot compile the kernel rotary: .*refused/);
    assert.deepEqual(others, []);
    assert.deepEqual(compiledKernels(record), [...KERNELS]);
    const names = launched(report);
    for (const kernel of KERNELS) assert.equal(names.includes(kernel), kernel !== 'rotary', kernel);
    assert.ok(scoreDifference(byOperators, ended) < 1e-5);
  });

  it('are compiled once, kept, and compiled anew where a file is damaged', async () => {
    const cache = join(folder!, 'cache');
    const record = join(folder!, 'record');
    const compiled = async (name: string, change: Partial<OwnKernels> = {}): Promise<string[]> => {
      rmSync(record, { force: true });
      const ended = await run(name, 'fp32', { gpus: alike(2), kernels: { cache, record, ...change } });
      assert.deepEqual(messages(ended), []);
      return compiledKernels(record);
    };
    assert.deepEqual(await compiled('first'), [...KERNELS]);
    assert.deepEqual(await compiled('second'), []);
    const kept = readdirSync(join(cache, 'cuda-kernels'));
    assert.equal(kept.length, KERNELS.length);
    const [damaged, cut] = kept.map((name) => join(cache, 'cuda-kernels', name));
    const bytes = readFileSync(damaged!);
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(damaged!, bytes);
    writeFileSync(cut!, '');
    assert.equal((await compiled('third')).length, 2);
    assert.deepEqual(await compiled('fourth'), []);
  });

  it('are named as what can be done without, where the GPU is lost while they are tried', async () => {
    const environment = gpus.environment({ gpus: alike(1, { fault: 'lost@30' }), kernels: {} });
    const { end, errors } = await predict(input, join(folder!, 'lost'), [], { environment });
    assert.notEqual(end, 0);
    assert.match(errors, /cuda:0 failed while it ran this project's kernels: CUDA error.*VIRNUCPRO_CUDA_KERNELS=0/);
  });

  it('are compared with what they replace by gpu-check', async () => {
    const program = join(repositoryRoot, 'scripts', 'gpu-check.mjs');
    const check = (kernels: OwnKernels): Promise<Ended> => {
      const environment = gpus.environment({ gpus: alike(1), kernels });
      const output = join(folder!, 'gpu-check.json');
      return virnucpro(['--quick', '--only', 'kernels', '--output', output], { program, environment });
    };
    const right = await check({});
    assert.equal(right.end, 0, right.output + right.errors);
    assert.match(right.output, /^kernels +met +DNABERT-S in BF16 is computed with this project's kernels: /m);
    const wrong = await check({ wrong: 'add_norm' });
    assert.equal(wrong.end, 2, wrong.output + wrong.errors);
    assert.match(wrong.output, /`add_norm` does not compute what libtorch does/);
  });
});
