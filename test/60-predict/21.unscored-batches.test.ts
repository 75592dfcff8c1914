import assert from 'node:assert/strict';
import { flattened } from '../../lib/input/flattened.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { Pipeline } from '../../lib/predict/pipeline.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { FakeDevices } from './fake-devices.js';
import { recordOf } from './records.js';

const LENGTH = 28;
/** A record of one base has six ORFs, which fill a batch: each has a first and a last token and one between them. */
const batches = { dnaTokens: 18, proteinTokens: 1000, dnaTokenizer: new RunTokenizer(), proteinTable };

/** Runs records of these bases: in those of A no ORF has a score, in those of C every other one. */
async function stopOf(bases: string): Promise<string | undefined> {
  const devices = new FakeDevices({
    ...{ devices: 1, turns: [0] },
    kindOf: (dna) => (dna[1]! % 1000 === 'C'.charCodeAt(0) ? 'sound' : 'no number'),
  });
  const share = (await devices.openPool()).share();
  async function* records(): AsyncGenerator<SequenceRecord> {
    for (const [index, base] of [...bases].entries()) yield recordOf(base, base.repeat(LENGTH), index);
  }
  const context = {
    summary: new MutableRunSummary(share.usage),
    control: new RunControl(),
    onFailure: () => undefined,
  };
  const rule = { threshold: 0.5, minFraction: 0.5 };
  const options = { model: 'fake', rule, chunkSize: LENGTH, batches, sequences: false };
  try {
    for await (const _ of flattened(new Pipeline(records(), share, options, context).groups())) continue;
  } catch (error) {
    assert.equal(error, context.control.stopped);
  }
  assert.equal(devices.scoredBatches.length, bases.length);
  return context.control.stopped?.code;
}

describe('batches without a score', () => {
  it('end the run when there are three in a row', async () => {
    assert.equal(await stopOf('AA'), undefined);
    assert.equal(await stopOf('AAA'), 'VNP_SYSTEMIC');
  });

  it('are not in a row when one with a score is between them', async () =>
    assert.equal(await stopOf('AACAA'), undefined));
});
