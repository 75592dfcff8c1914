import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../repository.js';
import { alike } from '../simulated-gpu/machine.js';
import { readReport } from '../simulated-gpu/report.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

/** The largest errors in a precision, as scripts/gpu-check computes them. */
interface GoldenErrors {
  readonly protein: { readonly absolute: number; readonly relative: number };
  readonly dna: { readonly absolute: number; readonly relative: number };
  readonly scores: number;
}

/** Without attention: this small model's heads are narrower than any that the kernel is compiled for. */
const KERNELS = ['rotary', 'add_norm', 'bias_gelu', 'gelu_times', 'sequence_mean'];

describe('both models with the CUDA kernels, on a simulated GPU', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-golden-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it('give the golden values in float32, and in half precision what its digits allow', () => {
    const report = join(folder!, 'report.json');
    const script = pathToFileURL(join(repositoryRoot, 'scripts', 'gpu-check', 'native-golden.mjs')).href;
    const runs = ['fp32', 'bf16', 'fp16'].map((precision) => ({ engine: 'packed', precision }));
    const request = { device: 'cuda:0', models: join(folder!, 'models'), runs };
    const program = `import { compareWithGolden } from ${JSON.stringify(script)};
      console.log(JSON.stringify(await compareWithGolden(${JSON.stringify(request)})));`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: gpus.environment({ gpus: alike(1), kernels: {}, report }),
    });
    assert.equal(status, 0, stderr);
    const [exact, bfloat16, half] = JSON.parse(stdout) as [GoldenErrors, GoldenErrors, GoldenErrors];
    for (const error of [exact.protein.absolute, exact.dna.absolute, exact.scores]) {
      assert.ok(error <= 1e-5, JSON.stringify(exact));
    }
    for (const [errors, allowed] of [
      [bfloat16, 2e-2],
      [half, 3e-3],
    ] as const) {
      for (const { relative } of [errors.protein, errors.dna]) assert.ok(relative <= allowed, JSON.stringify(errors));
    }
    const launched = readReport(report).devices.flatMap(({ kernels }) => Object.keys(kernels));
    for (const kernel of KERNELS) assert.ok(launched.includes(kernel), `${kernel} is not used`);
  });
});
