import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alike, type Protection } from '../simulated-gpu/machine.js';
import { predict, resultsOf, scoreDifference, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';
import { fixture } from '../repository.js';

/** The protection that each scenario of probe.cc relies on: without it, its numbers are wrong. */
const RELIES_ON: Readonly<Record<string, Protection>> = {
  'wait-for-event': 'event-wait',
  'poll-event': 'event-query',
  'wait-for-stream': 'stream-wait',
  'reuse-page-locked': 'pinned-wait',
  'recorded-stream': 'recorded-streams',
};
const EXACT = ['--precision', 'fp32'];

describe('simulated GPUs', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-simulated-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  // Longer than a busy host holds up a thread: who does not wait is to be early in any case.
  const machine = { gpus: alike(1, { delay: 3000 }) };

  it('compute right numbers for a program that waits for them', () => {
    const scenarios = [...Object.keys(RELIES_ON), 'enqueue'];
    const { said, end, errors } = gpus.probe(machine, scenarios);
    assert.deepEqual(said, Object.fromEntries(scenarios.map((scenario) => [scenario, 'right'])), errors);
    assert.equal(end, 0);
  });

  it('show wrong numbers to a program that reads too early, or gives back memory that a stream still reads', () => {
    const { said, end } = gpus.probe(machine, ['read-too-early', 'unrecorded-stream']);
    assert.deepEqual({ said, end }, { said: { 'read-too-early': 'wrong', 'unrecorded-stream': 'wrong' }, end: 0 });
  });

  for (const [scenario, protection] of Object.entries(RELIES_ON)) {
    it(`show wrong numbers at once where ${protection} is taken out`, () => {
      const { said } = gpus.probe({ ...machine, without: [protection] }, Object.keys(RELIES_ON));
      const wrong = Object.keys(said).filter((name) => said[name] === 'wrong');
      assert.deepEqual(wrong, [scenario]);
    });
  }

  for (const scenario of ['read-on-host', 'write-on-host']) {
    it(`end a program that touches their memory from the host (${scenario})`, () => {
      const { said, end, errors } = gpus.probe(machine, [scenario]);
      assert.deepEqual({ said, end }, { said: {}, end: 'SIGSEGV' });
      assert.match(errors, /the host accessed the memory of a device/);
    });
  }

  describe('under virnucpro predict', () => {
    const input = fixture('input', 'contigs.fa');
    const run = (name: string, args: readonly string[], without: readonly Protection[] = []) =>
      predict(input, join(folder!, name), args, {
        environment: gpus.environment({ gpus: alike(2, { delay: 50 }), without }),
      });

    let right: Prediction;
    before(async () => {
      right = await run('right', EXACT);
      assert.equal(right.end, 0, right.errors);
    });

    it('give the scores of the CPU', async () => {
      const onCpu = await run('cpu', [...EXACT, '--device', 'cpu']);
      const difference = scoreDifference(onCpu, right);
      assert.ok(difference < 1e-5, `${difference}`);
    });

    // The host waits with it; whether page-locked memory is reused depends on the same answers.
    it('give others where event-query is taken out', async () => {
      const wrong = await run('without-event-query', EXACT, ['event-query']);
      assert.ok(wrong.end !== 0 || resultsOf(wrong) !== resultsOf(right), 'nothing differs');
    });
  });
});
