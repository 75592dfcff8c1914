import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeDna, encodeProteins } from '../../lib/batches/tokens.js';
import { VirnucproError } from '../../lib/errors.js';
import { flattened } from '../../lib/input/flattened.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { calibrated } from '../../lib/scoring/frame-scores.js';
import { decidingFrame } from '../../lib/scoring/window-result.js';
import { Pipeline } from '../../lib/predict/pipeline.js';
import type { PredictionResult, WindowResult } from '../../lib/scoring/results.js';
import { RunControl } from '../../lib/predict/run-control.js';
import type { BatchFailure } from '../../lib/predict/batch-failures.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import type { TriageRule } from '../../lib/scoring/calls.js';
import { openReadingFrames } from '../../lib/windows/open-reading-frames.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { FakeDevices, hashOf, scoreOf, smallScoreOf } from './fake-devices.js';
import type { FrameKind, Plan } from './fake-devices.js';
import { isReleased, recordOf } from './records.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };
const CHUNK_SIZE = 30;

function randomLetters(length: number, seed: number, alphabet: string): string {
  const next = seededNumbers(seed);
  return Array.from({ length }, () => alphabet[(next() >>> 8) % alphabet.length]).join('');
}

const records = fc.array(
  fc.oneof(
    fc.constantFrom('', 'A', 'NNNNNNNNNNNN', 'TAATAATAACTAACTAACTTAGTTAGTTAG'),
    fc
      .tuple(fc.integer({ min: 1, max: 500 }), fc.nat(), fc.constantFrom('ACGT', 'ACG', 'ACGTN'))
      .map(([length, seed, alphabet]) => randomLetters(length, seed, alphabet)),
  ),
  { maxLength: 12 },
);

const kinds = fc
  .constantFrom(Infinity, Infinity, 5, 20)
  .map((oneIn) => (dna: ArrayLike<number>, protein: ArrayLike<number>): FrameKind => {
    const hash = hashOf(dna, protein) >>> 8;
    if (oneIn === Infinity || hash % oneIn > 1) return 'sound';
    return hash % oneIn === 0 ? 'throws' : 'no number';
  });

const healthy: fc.Arbitrary<Plan> = fc.record({
  devices: fc.integer({ min: 1, max: 4 }),
  turns: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 }),
});

const rules: fc.Arbitrary<TriageRule> = fc
  .tuple(fc.constantFrom(0, 0.1, 0.5, 0.9, 1), fc.constantFrom(0, 0.1, 0.5, 0.9, 1))
  .map(([one, other]) => ({ othersBelow: Math.min(one, other), virusAtLeast: Math.max(one, other) }));

const runs = fc.record({
  records,
  models: healthy,
  triage: fc.tuple(healthy, kinds).map(([plan, kindOf]): Plan => ({ ...plan, kindOf })),
  rule: rules,
  temperature: fc.constantFrom(1, 0.5, 2.5),
  isCalibrated: fc.boolean(),
  tokens: fc.integer({ min: 1, max: 200 }),
});
type Run = typeof runs extends fc.Arbitrary<infer Value> ? Value : never;

interface Started {
  readonly results: AsyncIterableIterator<PredictionResult>;
  readonly given: SequenceRecord[];
  readonly models: FakeDevices;
  readonly triage: FakeDevices;
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  readonly failures: BatchFailure[];
  readonly triageFailures: BatchFailure[];
}

async function start(run: Run, texts: Iterable<string> = run.records): Promise<Started> {
  const models = new FakeDevices(run.models);
  const triage = new FakeDevices({ ...run.triage, scoreOf: smallScoreOf });
  const [pool, triagePool] = [await models.openPool(), await triage.openPool()];
  const given: SequenceRecord[] = [];
  async function* read(): AsyncGenerator<SequenceRecord> {
    let index = 0;
    for (const text of texts) {
      const record = recordOf(`r${index}`, text, index++);
      given.push(record);
      yield record;
    }
  }
  const [share, triageShare] = [pool.share(), triagePool.share()];
  const summary = new MutableRunSummary([...share.usage, ...triageShare.usage], 'small');
  const control = new RunControl();
  const batches = { dnaTokens: run.tokens, proteinTokens: 60, dnaTokenizer: new RunTokenizer(), proteinTable };
  const { rule, temperature, isCalibrated } = run;
  const failures: BatchFailure[] = [];
  const triageFailures: BatchFailure[] = [];
  const results = flattened(
    new Pipeline(
      read(),
      share,
      {
        ...{ chunkSize: CHUNK_SIZE, batches, sequences: true, model: 'large', rule: RULE },
        triage: {
          ...{ share: triageShare, batches: { ...batches, proteinTokens: 90 }, rule, model: 'small' },
          temperature: { rule: temperature, results: isCalibrated ? temperature : 1 },
        },
      },
      {
        ...{ summary, control },
        onFailure: (failure) => failures.push(failure),
        onTriageFailure: (failure) => triageFailures.push(failure),
      },
    ).groups(),
  );
  return { results, given, models, triage, summary, control, failures, triageFailures };
}

async function allOf({ results, control }: Started): Promise<PredictionResult[]> {
  const seen: PredictionResult[] = [];
  try {
    for await (const result of results) seen.push(result);
  } catch (error) {
    assert.equal(error, control.stopped);
  }
  return seen;
}

/** The expected result of a window, from its letters alone. */
function expectedOf(letters: Uint8Array, { rule, temperature, isCalibrated, triage }: Run) {
  const frames = openReadingFrames(letters).map(({ name, protein, nucleotide }) => {
    const dna = encodeDna([nucleotide], new RunTokenizer()).tokens;
    const tokens = encodeProteins([protein], proteinTable).tokens;
    return { frame: name, dna, tokens };
  });
  const { kindOf = () => 'sound' as const } = triage;
  const small = frames.map(({ frame, dna, tokens }) => {
    const { others, virus } = smallScoreOf(dna, tokens);
    const [othersAt, virusAt] = calibrated(others, virus, temperature);
    return { raw: { frame, others, virus }, fine: { frame, others: othersAt, virus: virusAt } };
  });
  const best = decidingFrame(small.map(({ fine }) => fine));
  const isSound = frames.every(({ dna, tokens }) => kindOf(dna, tokens) === 'sound');
  const isSure = best !== undefined && (best.virus < rule.othersBelow || best.virus >= rule.virusAtLeast);
  if (isSound && isSure) {
    return { model: 'small', frames: small.map(({ raw, fine }) => (isCalibrated ? fine : raw)) };
  }
  const model = frames.length === 0 ? '' : 'large';
  return { model, frames: frames.map(({ frame, dna, tokens }) => ({ frame, ...scoreOf(dna, tokens) })) };
}

const isWindow = (result: PredictionResult): result is WindowResult => result.kind === 'window';

describe('triage', () => {
  it('decides what it is sure of and leaves all else to the models, whatever the devices do', () =>
    fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const started = await start(run);
        const seen = await allOf(started);
        for (const window of seen.filter(isWindow)) {
          const { model, frames } = expectedOf(window.sequences!.letters, run);
          assert.deepEqual([window.model, window.frames], [model, frames]);
        }
        // Many frames that cannot be scored may cause three failed batches in a row.
        if (started.control.stopped) assert.equal(started.control.stopped.code, 'VNP_SYSTEMIC');
        else checkWhole(run, started, seen);
        assert.ok(started.given.every(isReleased));
      }),
      { numRuns: 400 },
    ));

  function checkWhole(run: Run, started: Started, seen: readonly PredictionResult[]): void {
    const { summary, models, triage, failures, triageFailures } = started;
    const windows = seen.filter(isWindow);
    const decided = windows.filter(({ model }) => model === 'small');
    const framesOf = (some: readonly WindowResult[]): number =>
      some.reduce((sum, { frames }) => sum + frames.length, 0);
    const ids = seen.map(({ contig, kind }) => `${contig} ${kind}`);
    const expected = run.records.flatMap((text, index) => [
      ...Array.from({ length: Math.ceil(text.length / CHUNK_SIZE) }, () => `r${index} window`),
      `r${index} contig`,
    ]);
    assert.deepEqual(ids, expected);
    const { counts, framesDone, framesFailed, framesSpared } = summary;
    assert.deepEqual(failures, []);
    assert.equal(framesFailed, 0);
    assert.equal(counts.windowsFailed, 0);
    assert.deepEqual([counts.framesFound, framesDone], [framesOf(windows), framesOf(windows)]);
    assert.deepEqual([counts.windowsTriaged, counts.framesSpared], [decided.length, framesOf(decided)]);
    assert.equal(framesSpared, framesOf(decided));
    assert.equal(models.scoredFrames, framesOf(windows) - framesOf(decided));
    assert.equal(summary.triage.framesDone, framesOf(windows));
    assert.equal(triage.scoredFrames + summary.triage.framesFailed >= framesOf(windows), true);
    assert.deepEqual(summary.triage.failures, triageFailures);
    assert.equal(
      triageFailures.reduce((sum, { frames }) => sum + frames, 0),
      summary.triage.framesFailed,
    );
    assert.equal(models.running + triage.running, 0);
  }

  it('leaves the models the same batches, whoever computes them and however long it takes', () =>
    fc.assert(
      fc.asyncProperty(runs, healthy, healthy, async (run, otherModels, otherTriage) => {
        const { kindOf } = run.triage;
        const one = await start(run);
        const other = await start({
          ...run,
          models: otherModels,
          triage: { ...otherTriage, ...(kindOf && { kindOf }) },
        });
        await allOf(one);
        await allOf(other);
        if (one.control.stopped ?? other.control.stopped) return;
        const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
        assert.deepEqual(sorted(other.models.scoredBatches), sorted(one.models.scoredBatches));
      }),
      { numRuns: 100 },
    ));

  const SURE_OF_NOTHING: TriageRule = { othersBelow: 0, virusAtLeast: 1 };
  const SURE_OF_ALL: TriageRule = { othersBelow: 0.5, virusAtLeast: 0.5 };
  const QUICK: Plan = { devices: 1, turns: [0] };
  const plain = (changes: Partial<Run>): Run => ({
    ...{ records: [], models: QUICK, triage: QUICK, rule: SURE_OF_NOTHING, temperature: 1, isCalibrated: true },
    tokens: 100,
    ...changes,
  });

  /** One window each, with all six frames. */
  function* many(count: number): Generator<string> {
    for (let index = 0; index < count; index++) yield randomLetters(CHUNK_SIZE, index, 'ACG');
  }

  for (const [what, rule] of [
    ['nothing', SURE_OF_NOTHING],
    ['everything', SURE_OF_ALL],
  ] as const) {
    it(`that is sure of ${what} reads no further than the devices need, however slow the models are`, async () => {
      const started = await start(plain({ rule, models: { devices: 2, turns: [40] } }), many(3000));
      let left = 0;
      let furthest = 0;
      for await (const { kind } of started.results) {
        if (kind === 'contig') left++;
        furthest = Math.max(furthest, started.given.length - left);
      }
      assert.equal(left, 3000);
      // Frames are tokenized 64 kB at a time: those of 364 windows here, once for each model.
      assert.ok(furthest < 900, `${furthest} records on their way`);
    });
  }

  it('has both its devices and those of the models wait while the run is paused', async () => {
    const started = await start(plain({ rule: { othersBelow: 0.02, virusAtLeast: 0.98 } }), many(3000));
    const { results, control } = started;
    let contigs = 0;
    const run = (async () => {
      for await (const { kind } of results) if (kind === 'contig' && ++contigs === 100) control.pause();
    })();
    while (!control.isPaused) await new Promise((resolve) => setImmediate(resolve));
    // What triage finishes during the pause goes to the models, which do not begin with it.
    await started.triage.idle();
    await started.models.idle();
    const scored = (): number[] => [started.triage.scoredFrames, started.models.scoredFrames];
    const before = scored();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(scored(), before);
    assert.equal(started.models.running + started.triage.running, 0);
    assert.ok(contigs < 3000);
    control.resume();
    await run;
    assert.equal(contigs, 3000);
  });

  it('gives the finished results when the run is stopped, then says why', () =>
    fc.assert(
      fc.asyncProperty(runs, fc.nat(40), async (run, after) => {
        const sound: Run = { ...run, triage: { ...run.triage, kindOf: () => 'sound' } };
        const started = await start(sound);
        const reason = new VirnucproError('VNP_ABORTED', 'enough');
        const seen: PredictionResult[] = [];
        let end: unknown;
        try {
          if (after === 0) started.control.stop(reason);
          for await (const result of started.results) if (seen.push(result) === after) started.control.stop(reason);
        } catch (error) {
          end = error;
        }
        assert.equal(end, started.control.stopped);
        for (const window of seen.filter(isWindow)) {
          assert.equal(window.model, expectedOf(window.sequences!.letters, sound).model);
        }
        assert.ok(started.given.every(isReleased));
        assert.equal(started.models.running + started.triage.running, 0);
      }),
      { numRuns: 100 },
    ));

  it('frees what it holds when the taker of its results stops early', () =>
    fc.assert(
      fc.asyncProperty(runs, fc.nat(30), async (run, most) => {
        const started = await start(run);
        let taken = 0;
        try {
          for await (const _ of started.results) if (++taken > most) break;
        } catch (error) {
          assert.equal(error, started.control.stopped);
        }
        assert.ok(started.given.every(isReleased));
        assert.equal(started.models.running + started.triage.running, 0);
      }),
      { numRuns: 100 },
    ));

  it('whose every batch fails ends the run: without it the models would have all to read, and nobody asked for that', async () => {
    const started = await start(plain({ triage: { ...QUICK, isBroken: [true] } }), many(300));
    await allOf(started);
    assert.equal(started.control.stopped?.code, 'VNP_SYSTEMIC');
    assert.match(started.control.stopped.message, /triage scores from small/);
    assert.ok(started.triageFailures.length >= 3);
    assert.deepEqual(started.failures, []);
  });
});
