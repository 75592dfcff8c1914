import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { VirnucproError } from '../../lib/errors.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { HEAD_BYTES, MARK, TRIAGE_RECORD } from '../../lib/journal/journal-format.js';
import { RunJournal } from '../../lib/journal/run-journal.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { Pipeline } from '../../lib/predict/pipeline.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { key } from '../55-journal/journals.js';
import { FakeDevices, smallScoreOf } from './fake-devices.js';
import type { Plan } from './fake-devices.js';
import { recordOf } from './records.js';

const OPTIONS = { model: 'large', chunkSize: 30, sequences: false, rule: { threshold: 0.5, minFraction: 0.5 } };
const TRIAGE_RULE = { othersBelow: 0.1, virusAtLeast: 0.9 };
const UNCHANGED = { rule: 1, results: 1 };
const TRIAGE_KEY = { triage: 'd'.repeat(64), triageModel: 'small' };
const HEALTHY: Plan = { devices: 2, turns: [1, 0, 2] };

type Stage = 'models' | 'triage';
const stages = fc.constantFrom<Stage>('models', 'triage');

/** What cuts a run short, if anything does. */
type Disturbance =
  /** Both devices of the models or of triage are lost after this many batches each. */
  | { readonly kind: 'lost'; readonly after: number; readonly stage: Stage }
  /** The caller aborts it, or stops reading, after this many results. */
  | { readonly kind: 'stopped' | 'left'; readonly after: number }
  /** Every batch fails in this stage. */
  | { readonly kind: 'broken'; readonly stage: Stage }
  /** The input breaks off after this many records. */
  | { readonly kind: 'input'; readonly after: number };

const disturbances: fc.Arbitrary<Disturbance> = fc.oneof(
  fc.record({ kind: fc.constant('lost' as const), after: fc.nat(4), stage: stages }),
  fc.record({ kind: fc.constantFrom('stopped' as const, 'left' as const), after: fc.nat(40) }),
  fc.record({ kind: fc.constant('broken' as const), stage: stages }),
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

function planOf(stage: Stage, disturbance: Disturbance | undefined): Plan {
  if (!disturbance || !('stage' in disturbance) || disturbance.stage !== stage) return HEALTHY;
  if (disturbance.kind === 'lost') return { ...HEALTHY, lostAfter: [disturbance.after, disturbance.after] };
  return { ...HEALTHY, isBroken: [true, true] };
}

/** Whether a resumed run needs to compute nothing again after this. */
function isHarmless(disturbance: Disturbance): boolean {
  // The models read what triage could not score, in other batches than when triage can.
  return !('stage' in disturbance) || disturbance.stage === 'models';
}

interface Outcome {
  readonly results: unknown[];
  readonly summary: MutableRunSummary;
  /** By the models, and by triage; below, the frames that were already in the journal. */
  readonly scoredFrames: readonly [number, number];
  readonly journaledBefore: readonly [number, number];
}

async function run(
  records: AsyncIterable<SequenceRecord>,
  { path, disturbance, hasTriage = false }: { path?: string; disturbance?: Disturbance; hasTriage?: boolean },
): Promise<Outcome> {
  const models = new FakeDevices(planOf('models', disturbance));
  const small = new FakeDevices({ ...planOf('triage', disturbance), scoreOf: smallScoreOf });
  const [pool, smallPool] = [await models.openPool(), await small.openPool()];
  const [share, smallShare] = [pool.share(), smallPool.share()];
  const summary = new MutableRunSummary([...share.usage, ...smallShare.usage], 'small');
  const control = new RunControl();
  const journal =
    path === undefined
      ? undefined
      : await RunJournal.open({
          path,
          key: key(hasTriage ? TRIAGE_KEY : {}),
          onFailure: (error) => control.stop(error),
        });
  const batches = { dnaTokens: 200, proteinTokens: 40, dnaTokenizer: new RunTokenizer(), proteinTable };
  const context = { summary, control, journal, onFailure: () => undefined };
  const results: unknown[] = [];
  const triage = { ...{ model: 'small', share: smallShare, batches, rule: TRIAGE_RULE }, temperature: UNCHANGED };
  const options = { ...OPTIONS, batches, ...(hasTriage && { triage }) };
  try {
    for await (const group of new Pipeline(records, share, options, context).groups()) {
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
    await Promise.all([pool.close(), smallPool.close()]);
  }
  const { frames = 0, framesTriaged = 0 } = journal?.content ?? {};
  const scoredFrames = [models.scoredFrames, small.scoredFrames] as const;
  return { results, summary, scoredFrames, journaledBefore: [frames, framesTriaged] };
}

describe('a run that is gone on with after anything', () => {
  let folder: string;
  let number = 0;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-resumed-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const hasTriage of [false, true]) {
    const what = hasTriage ? ' with triage' : '';
    it(`gives what an undisturbed run${what} gives, and computes nothing that it had finished`, async () => {
      let journaled = 0;
      let spared = 0;
      await fc.assert(
        fc.asyncProperty(inputs, fc.array(disturbances, { maxLength: 5 }), async (records, list) => {
          const path = join(folder, `journal-${number++}`);
          const undisturbed = await run(recordsOf(records), { hasTriage });
          for (const disturbance of list) {
            await run(recordsOf(records, disturbance), { path, disturbance, hasTriage });
          }
          const last = await run(recordsOf(records), { path, hasTriage });
          assert.deepEqual(last.results, undisturbed.results);
          journaled += last.journaledBefore[0] + last.journaledBefore[1];
          spared += last.summary.framesSpared;
          if (hasTriage && !list.every(isHarmless)) return;
          for (const stage of [0, 1] as const) {
            assert.equal(last.scoredFrames[stage], undisturbed.scoredFrames[stage] - last.journaledBefore[stage]);
          }
          if (hasTriage) assert.equal(last.summary.triage.framesJournaled, last.journaledBefore[1]);
          else assert.equal(last.summary.framesJournaled, last.journaledBefore[0]);
        }),
        { numRuns: 200 },
      );
      assert.ok(journaled > 0, 'no run had anything to go on with');
      assert.equal(spared > 0, hasTriage);
    });
  }

  it('computes again what is damaged of triage, and nothing of the models for it', async () => {
    const path = join(folder, `journal-${number++}`);
    const next = seededNumbers(5);
    const letters = Array.from({ length: 6000 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
    const records: [string, string][] = [['long', letters]];
    const undisturbed = await run(recordsOf(records), { path, hasTriage: true });
    assert.ok(undisturbed.summary.framesSpared > 0 && undisturbed.scoredFrames[0] > 0);
    const bytes = readFileSync(path);
    const first = bytes.indexOf(Buffer.concat([MARK, Buffer.from([TRIAGE_RECORD, 0, 0, 0])]));
    bytes[first + HEAD_BYTES + 1]! ^= 1;
    writeFileSync(path, bytes);
    const again = await run(recordsOf(records), { path, hasTriage: true });
    assert.deepEqual(again.results, undisturbed.results);
    assert.equal(again.scoredFrames[0], 0);
    assert.ok(again.scoredFrames[1] > 0 && again.scoredFrames[1] < undisturbed.scoredFrames[1]);
  });
});
