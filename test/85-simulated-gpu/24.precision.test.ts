import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture } from '../repository.js';
import type { SimulatedGpu } from '../simulated-gpu/machine.js';
import { manifestOf, named, predict } from '../simulated-gpu/predict.js';
import type { Prediction } from '../simulated-gpu/predict.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

const of = (...capabilities: readonly string[]): SimulatedGpu[] => capabilities.map((capability) => ({ capability }));

describe('the precision of a run', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-precision-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function run(machine: readonly SimulatedGpu[], args: readonly string[] = []): Promise<Prediction> {
    const prediction = await predict(fixture('input', 'contigs.fa'), join(folder!, 'out'), ['--force', ...args], {
      environment: gpus.environment({ gpus: machine }),
    });
    assert.equal(prediction.end, 0, prediction.errors);
    return prediction;
  }

  /** Of every device, as logged before the work. */
  const precisions = (prediction: Prediction): unknown[] =>
    named(prediction, 'device').map(({ precision }) => precision);

  for (const [capability, precision, least] of [
    ['7.5', 'fp32', 2048],
    ['8.0', 'bf16', 3072],
    ['8.6', 'bf16', 3072],
    ['8.9', 'bf16', 3072],
    ['9.0', 'bf16', 3072],
    ['10.0', 'bf16', 3072],
    ['12.0', 'bf16', 3072],
  ] as const) {
    it(`is ${precision} on capability ${capability}, with no fewer tokens a batch than keep it busy`, async () => {
      // So little memory that batches have the minimum size.
      const prediction = await run([{ capability, memory: 0.1 }], ['--max-memory', '40M']);
      const [device] = named(prediction, 'device');
      assert.deepEqual([device!['capability'], device!['precision']], [capability, precision]);
      const tokens = device!['batchTokens'] as { protein: number; dna: number };
      assert.ok(tokens.protein >= least && tokens.dna >= least);
      assert.match(
        String(device!['msg']),
        new RegExp(`capability ${capability}, .*${precision.toUpperCase()} enabled`),
      );
    });
  }

  it('is one for all: fp32 where a device computes no bf16, said once with what would be faster', async () => {
    const prediction = await run(of('9.0', '7.5', '8.6'));
    assert.deepEqual(precisions(prediction), ['fp32', 'fp32', 'fp32']);
    const { devices } = manifestOf(prediction);
    assert.deepEqual(
      devices.map(({ precision }) => precision),
      ['fp32', 'fp32', 'fp32'],
    );
    const said = named(prediction, 'precision');
    assert.equal(said.length, 1);
    const { msg, able, fp16, without, level } = said[0]!;
    assert.equal(level, 'warn');
    assert.deepEqual([able, fp16], [['cuda:0', 'cuda:2'], ['cuda:1']]);
    assert.deepEqual(without, [{ device: 'cuda:1', name: 'Fake GPU 1', capability: '7.5' }]);
    const text = 'computing in FP32 on every device, because cuda:1 (Fake GPU 1, capability 7.5) has no BF16';
    assert.ok(String(msg).startsWith(`${text}. --gpus 0,2 leaves it out and computes in BF16`), String(msg));
    // The warning's advice works.
    const faster = await run(of('9.0', '7.5', '8.6'), ['--gpus', '0,2']);
    assert.deepEqual([precisions(faster), named(faster, 'precision')], [['bf16', 'bf16'], []]);
  });

  it('may be fp16 on capability 7.5, which the log says, and is where it was asked for', async () => {
    const [said] = named(await run(of('7.5', '7.5')), 'precision');
    assert.match(
      String(said!['msg']),
      /^computing in FP32, because .* have no BF16\. --precision fp16 uses the tensor cores/,
    );
    assert.equal(said!['level'], 'info');
    const asked = await run(of('7.5', '7.5'), ['--precision', 'fp16']);
    assert.deepEqual([precisions(asked), named(asked, 'precision')], [['fp16', 'fp16'], []]);
  });

  it('is that of the devices that open', async () => {
    const prediction = await run([{}, { capability: '7.5', fault: 'unopenable' }]);
    assert.equal(named(prediction, 'device-left-out').length, 1);
    assert.deepEqual(
      manifestOf(prediction).devices.map(({ precision }) => precision),
      ['bf16'],
    );
  });
});
