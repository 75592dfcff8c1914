import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alike } from '../simulated-gpu/machine.js';
import { named, predict, resultsOf, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

/** Many small batches, so that a device hangs among them. */
const ARGS = ['--precision', 'fp32', '--esm-batch-size', '512', '--dnabert-batch-size', '512', '--device-timeout', '2'];
/** Kernels of libtorch after which a device has opened and computes its first batches. */
const AT_WORK = 1200;

/** Without T neither strand has a stop codon, so every frame of every window is an ORF. */
function openFrames(length: number): string {
  let state = 1;
  const letters = Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return 'ACG'[(state >>> 16) % 3];
  });
  return `>open\n${letters.join('')}\n`;
}

describe('a GPU that hangs', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-hanging-'));
    writeFileSync(join(folder, 'open.fa'), openFrames(6000));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const run = (name: string, machine: Parameters<SimulatedGpus['environment']>[0]): Promise<Prediction> =>
    predict(join(folder!, 'open.fa'), join(folder!, name), ARGS, {
      environment: { ...gpus.environment(machine), VIRNUCPRO_CUDA_KERNELS: '0' },
    });

  it('is lost after the deadline, its work is done by the other, and the command ends', async () => {
    const sound = await run('sound', { gpus: alike(1) });
    const hanging = await run('hanging', { gpus: [{ delay: 200 }, { fault: `hangs@${AT_WORK}` }] });
    assert.equal(hanging.end, 0, hanging.errors);
    assert.match(String(named(hanging, 'device-lost')[0]?.['reason']), /cuda:1 stopped responding: .* for 2 seconds/);
    assert.equal(resultsOf(hanging), resultsOf(sound));
  });

  it('ends the run where it was the last one', async () => {
    const alone = await run('alone', { gpus: [{ fault: `hangs@${AT_WORK}` }] });
    assert.equal(alone.end, 1, alone.errors);
    assert.match(String(named(alone, 'device-lost')[0]?.['reason']), /stopped responding/);
  });
});
