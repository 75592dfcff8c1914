import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { VirnucproError } from '../../lib/errors.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { RunJournal } from '../../lib/journal/run-journal.js';
import { seededNumbers } from '../../lib/models/seeded-random.js';
import { predictRecords } from '../../lib/predict/pipeline.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { RunSummary } from '../../lib/predict/summary.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { key } from '../55-journal/journals.js';
import { FakeDevices } from './fake-devices.js';
import type { Plan } from './fake-devices.js';
import { recordOf } from './records.js';

const OPTIONS = { model: 'fake', chunkSize: 30, sequences: false, rule: { threshold: 0.5, minFraction: 0.5 } };
const HEALTHY: Plan = { devices: 2, turns: [1, 0, 2] };

/** What cuts a run short, if anything. */
type Disturbance =
  /** Both devices are lost after so many batches each. */
  | { readonly kind: 'lost'; readonly after: number }
  /** The caller ends it, or turns away, after so many results. */
  | { readonly kind: 'stopped' | 'left'; readonly after: number }
  /** Every batch fails. */
  | { readonly kind: 'broken' }
  /** The input breaks off after so many records. */
  | { readonly kind: 'input'; readonly after: number };

const disturbances: fc.Arbitrary<Disturbance> = fc.oneof(
  fc.record({ kind: fc.constant('lost' as const), after: fc.nat(4) }),
  fc.record({ kind: fc.constantFrom('stopped' as const, 'left' as const), after: fc.nat(40) }),
  fc.constant({ kind: 'broken' as const }),
  fc.record({ kind: fc.constant('input' as const), after: fc.nat(6) }),
);

const inputs = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.nat()).map(([count, seed]) => {
  const next = seededNumbers(seed);
  const letters = (): string => Array.from({ length: next() % 400 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index): [string, string] => [`r${index}`, letters()]);
});

async function* recordsOf(records: readonly [string, string][], disturbance?: Disturbance) {
  for (const [index, [id, letters]] of records.entries()) {
    if (disturbance?.kind === 'input' && disturbance.after <= index) throw brokenInput();
    yield recordOf(id, letters, index);
  }
}

function brokenInput(): VirnucproError {
  return new VirnucproError('VNP_INPUT_FORMAT', 'the input breaks off');
}

function planOf(disturbance: Disturbance | undefined): Plan {
  if (disturbance?.kind === 'lost') return { ...HEALTHY, lostAfter: [disturbance.after, disturbance.after] };
  return disturbance?.kind === 'broken' ? { ...HEALTHY, isBroken: [true, true] } : HEALTHY;
}

interface Outcome {
  readonly results: unknown[];
  readonly summary: RunSummary;
  readonly scoredFrames: number;
  readonly journaledBefore: number;
}

async function run(
  records: AsyncIterable<SequenceRecord>,
  path: string | undefined,
  disturbance?: Disturbance,
): Promise<Outcome> {
  const devices = new FakeDevices(planOf(disturbance));
  const pool = await devices.openPool();
  const summary = new RunSummary(pool.countUsage());
  const control = new RunControl();
  const journal =
    path === undefined
      ? undefined
      : await RunJournal.open({ path, key: key(), onFailure: (error) => control.stop(error) });
  const batches = { dnaTokens: 200, proteinTokens: 40, dnaTokenizer: new RunTokenizer(), proteinTable };
  const stage = { summary, control, journal, onFailure: () => undefined };
  const results: unknown[] = [];
  try {
    for await (const group of predictRecords(records, pool, { ...OPTIONS, batches }, stage)) {
      for (const result of group) {
        results.push(result.kind === 'window' ? result : { ...result, sequence: result.sequence.length });
      }
      if (disturbance?.kind === 'stopped' && results.length > disturbance.after) {
        control.stop(new VirnucproError('VNP_ABORTED', 'ended by its caller'));
      }
      if (disturbance?.kind === 'left' && results.length > disturbance.after) break;
    }
  } catch (error) {
    assert.ok(disturbance !== undefined && error === summary.stopped, String(error));
  } finally {
    await journal?.close();
    await pool.close();
  }
  return { results, summary, scoredFrames: devices.scoredFrames, journaledBefore: journal?.content.frames ?? 0 };
}

describe('a run that is gone on with after anything', () => {
  let folder: string;
  let number = 0;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-resumed-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('gives what an undisturbed run gives, and computes nothing that it had finished', async () => {
    let journaled = 0;
    await fc.assert(
      fc.asyncProperty(inputs, fc.array(disturbances, { maxLength: 5 }), async (records, list) => {
        const path = join(folder, `journal-${number++}`);
        const undisturbed = await run(recordsOf(records), undefined);
        for (const disturbance of list) await run(recordsOf(records, disturbance), path, disturbance);
        const last = await run(recordsOf(records), path);
        assert.deepEqual(last.results, undisturbed.results);
        assert.equal(last.summary.framesJournaled, last.journaledBefore);
        journaled += last.journaledBefore;
        assert.equal(last.scoredFrames, undisturbed.scoredFrames - last.journaledBefore);
      }),
      { numRuns: 200 },
    );
    assert.ok(journaled > 0, 'no run had anything to go on with');
  });
});
