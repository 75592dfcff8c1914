import assert from 'node:assert/strict';
import { alike } from '../simulated-gpu/machine.js';
import { manifestOf, named, resultsOf, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedRuns, SMALL_BATCHES } from '../simulated-gpu/simulated-runs.js';

const RECORDS = 48;

function busySeconds(run: Prediction): number[] {
  return named(run, 'device-summary').map(({ busySeconds }) => busySeconds as number);
}

describe('virnucpro predict on many simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  let input: string;
  before(async function () {
    runs = await SimulatedRuns.open(this);
    input = runs.input(RECORDS);
  });
  after(() => runs?.remove());

  for (const [precision, counts] of Object.entries({ bf16: [1, 2, 4, 8], fp32: [1, 4] })) {
    it(`writes the same bytes with ${counts.join(', ')} of them in ${precision}, each of which computes`, async () => {
      const made: Prediction[] = [];
      for (const count of counts) {
        const machine = { gpus: alike(count) };
        const run = await runs!.predict(`${precision}-${count}`, machine, input, [...SMALL_BATCHES, '-p', precision]);
        assert.equal(run.end, 0, run.errors);
        const { devices } = manifestOf(run);
        assert.deepEqual(
          devices.map(({ id, frames }) => [id, frames > 0]),
          Array.from({ length: count }, (_, index) => [`cuda:${index}`, true]),
        );
        made.push(run);
      }
      for (const run of made.slice(1)) assert.equal(resultsOf(run), resultsOf(made[0]!));
    });
  }

  it('keeps GPUs of one speed busy alike, within a few batches', async () => {
    const run = await runs!.predict('alike', { gpus: alike(2, { delay: 200 }) }, input, SMALL_BATCHES);
    assert.equal(run.end, 0, run.errors);
    const batches = named(run, 'device-summary').map(({ batches }) => batches as number);
    assert.equal(batches[0]! + batches[1]!, RECORDS);
    // A device gets its next batch before the last is done: at the end, one device alone may have two.
    const [one, other] = busySeconds(run);
    const batch = Math.max(one!, other!) / Math.max(...batches);
    assert.ok(Math.abs(one! - other!) <= 4 * batch, `${one} s and ${other} s, ${batch} s a batch`);
  });

  it('gives a GPU that is slower less to do, so that all end together', async () => {
    // Delays that outweigh the host's computing, even beside other programs.
    const machine = { gpus: [{ delay: 100 }, { delay: 100 }, { delay: 4000 }] };
    const run = await runs!.predict('unequal', machine, input, SMALL_BATCHES);
    assert.equal(run.end, 0, run.errors);
    const [fast, alsoFast, slow] = named(run, 'device-summary').map(({ frames }) => frames as number);
    assert.ok(slow! > 0 && slow! < 0.7 * Math.min(fast!, alsoFast!), `${fast}, ${alsoFast} and ${slow} frames`);
    const single = await runs!.predict('single', { gpus: alike(1) }, input, SMALL_BATCHES);
    assert.equal(resultsOf(run), resultsOf(single));
  });
});
