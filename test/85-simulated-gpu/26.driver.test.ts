import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { virnucpro } from '../80-cli/command-line.js';
import { fixture } from '../repository.js';
import { alike } from '../simulated-gpu/machine.js';
import { named, predict } from '../simulated-gpu/predict.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

const REASON = 'driver 570.26 supports CUDA up to 12.8, but libtorch 2.11.0+cu130 is built for CUDA 13.0';
const NEXT = /Install NVIDIA driver 580 or newer, or a libtorch for CUDA 12 \(`.*--cuda 12`\)/;

describe('a driver that is too old for the libtorch', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-driver-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const environment = (cudaVersion: number): Record<string, string> =>
    gpus.environment({ gpus: alike(2), cudaVersion });

  it('is said by `devices`, with what to do', async () => {
    const { end, output, errors } = await virnucpro(['devices'], { environment: environment(12080) });
    assert.equal(end, 1);
    assert.match(output, /^cuda:1 .* cannot be used /m);
    assert.ok(errors.includes(`libtorch cannot use it: ${REASON}. `), errors);
    assert.match(errors, NEXT);
  });

  it('is said by `doctor`, in the same words', async () => {
    const { end, output } = await virnucpro(['doctor'], { environment: environment(12080) });
    assert.equal(end, 1);
    assert.ok(output.includes(`libtorch cannot use it: ${REASON}\n`), output);
    assert.match(output, NEXT);
  });

  it('ends a prediction before anything is loaded, unless it is for the CPU', async () => {
    const run = (name: string, args: readonly string[]) =>
      predict(fixture('input', 'contigs.fa'), join(folder!, name), args, { environment: environment(12080) });
    const refused = await run('refused', []);
    assert.equal(refused.end, 1);
    const [failed] = named(refused, 'failed');
    assert.equal(failed!['code'], 'VNP_LIBTORCH');
    assert.ok(String(failed!['reason']).includes(REASON));
    assert.match(String(failed!['reason']), NEXT);
    assert.deepEqual(named(refused, 'loading'), []);
    assert.ok(!existsSync(join(folder!, 'refused', 'windows.tsv')));
    assert.equal((await run('cpu', ['--device', 'cpu'])).end, 0);
  });

  it('is not one that runs a newer CUDA', async () => {
    for (const version of [13000, 13020]) {
      const { end, errors } = await virnucpro(['devices'], { environment: environment(version) });
      assert.deepEqual([end, errors], [0, '']);
    }
  });
});
