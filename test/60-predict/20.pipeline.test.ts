import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeDna, encodeProteins } from '../../lib/batches/tokens.js';
import { VirnucproError } from '../../lib/errors.js';
import { flattened } from '../../lib/input/flattened.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { Pipeline } from '../../lib/predict/pipeline.js';
import type { PipelineOptions } from '../../lib/predict/pipeline.js';
import type { ContigResult, FrameScore, StoredResult, WindowResult } from '../../lib/scoring/results.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import { openReadingFrames } from '../../lib/windows/open-reading-frames.js';
import { windowsOf } from '../../lib/windows/windows.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import type { DevicePool } from '../../lib/engine/pool/pool.js';
import { FakeDevices, hashOf, scoreOf } from './fake-devices.js';
import type { FrameKind, Plan } from './fake-devices.js';
import { isReleased, recordOf } from './records.js';

/** For a pool that is used again. */
const ONE_FRAME = {
  dna: { tokens: Int32Array.of(1), offsets: Int32Array.of(0, 1) },
  protein: { tokens: Int32Array.of(1), offsets: Int32Array.of(0, 1) },
};

const RULE = { threshold: 0.5, minFraction: 0.5 };

function randomLetters(length: number, seed: number, alphabet: string): string {
  const next = seededNumbers(seed);
  return Array.from({ length }, () => alphabet[(next() >>> 8) % alphabet.length]).join('');
}

/** Empty, shorter than a codon, without an ORF, with six ORFs, and usual ones; ids may repeat. */
const letters = fc.oneof(
  fc.constantFrom('', 'A', 'AC', 'NNNNNNNNNNNN', 'TAATAATAACTAACTAACTTAGTTAGTTAG', 'CCCCCCCCCCCCCCCCCCCCCCCCCCCC'),
  fc
    .tuple(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.constantFrom('ACGT', 'ACG', 'ACGTN', 'acgtACGT'))
    .map(([length, seed, alphabet]) => randomLetters(length, seed, alphabet)),
);
const records = fc.array(fc.tuple(fc.constantFrom('one', 'two', 'two words'), letters), { maxLength: 12 });

/** Depends on the frame's own tokens, so it is the same on any device and in any batch. */
const kinds = fc
  .tuple(fc.constantFrom(Infinity, 5, 20), fc.constantFrom(Infinity, 5, 20))
  .map(([throwsOneIn, noNumberOneIn]) => (dna: ArrayLike<number>, protein: ArrayLike<number>): FrameKind => {
    const hash = hashOf(dna, protein) >>> 8;
    if (throwsOneIn !== Infinity && hash % throwsOneIn === 1) return 'throws';
    return noNumberOneIn !== Infinity && hash % noNumberOneIn === 2 ? 'no number' : 'sound';
  });

const plans: fc.Arbitrary<Plan> = fc.record({
  devices: fc.integer({ min: 1, max: 8 }),
  kindOf: kinds,
  memory: fc.constantFrom(Infinity, 60, 12),
  lostAfter: fc.array(fc.constantFrom(Infinity, Infinity, Infinity, 0, 3), { maxLength: 8 }),
  /** At most one: a frame that fails on two devices is given up. */
  isBroken: fc
    .option(fc.nat(7), { nil: 0 })
    .map((broken) => Array.from({ length: 8 }, (_, index) => index + 1 === broken)),
  turns: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 }),
});

const runs = fc.record({
  records,
  plan: plans,
  chunkSize: fc.integer({ min: 3, max: 40 }),
  dnaTokens: fc.integer({ min: 1, max: 200 }),
  proteinTokens: fc.integer({ min: 1, max: 100 }),
});
type Run = typeof runs extends fc.Arbitrary<infer Value> ? Value : never;

interface Started {
  readonly results: AsyncIterableIterator<StoredResult>;
  readonly given: SequenceRecord[];
  readonly devices: FakeDevices;
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
}

/** Predicts records on a pool of its own. */
function predict(
  records: AsyncIterable<SequenceRecord>,
  pool: DevicePool,
  options: Omit<PipelineOptions, 'rule' | 'model'>,
): Pick<Started, 'results' | 'summary' | 'control'> {
  const share = pool.share();
  const summary = new MutableRunSummary(share.usage);
  const control = new RunControl();
  const context = { summary, control, onFailure: () => undefined };
  return {
    results: flattened(new Pipeline(records, share, { ...options, model: 'fake', rule: RULE }, context).groups()),
    summary,
    control,
  };
}

async function start(run: Run, isBrokenInput = false): Promise<Started> {
  const devices = new FakeDevices(run.plan);
  const pool = await devices.openPool();
  const given: SequenceRecord[] = [];
  async function* read(): AsyncGenerator<SequenceRecord> {
    for (const [index, [header, text]] of run.records.entries()) {
      const record = recordOf(header, text, index);
      given.push(record);
      yield record;
    }
    if (isBrokenInput) throw new Error('the disk is gone');
  }
  const { chunkSize, dnaTokens, proteinTokens } = run;
  const batches = { dnaTokens, proteinTokens, dnaTokenizer: new RunTokenizer(), proteinTable };
  return { ...predict(read(), pool, { chunkSize, batches, sequences: true }), given, devices };
}

/** Takes all results; an error before their end must be the reason why the run was stopped. */
async function allOf({ results, control }: Started, alsoEnds?: RegExp): Promise<StoredResult[]> {
  const seen: StoredResult[] = [];
  try {
    for await (const result of results) {
      if (result.kind === 'contig') result.sequence.read(0, result.length);
      seen.push(result);
    }
  } catch (error) {
    if (error !== control.stopped) assert.match(String(error), alsoEnds ?? /^$/);
  }
  return seen;
}

/** The frames of a window with their scores, however they are computed. */
function scoresAlone(window: Uint8Array) {
  return openReadingFrames(window).map(({ name, protein, nucleotide }) => {
    const tokens = {
      dna: encodeDna([nucleotide], new RunTokenizer()).tokens,
      protein: encodeProteins([protein], proteinTable).tokens,
    };
    return { frame: name, ...scoreOf(tokens.dna, tokens.protein), ...tokens };
  });
}
type Alone = ReturnType<typeof scoresAlone>;

const scoresOf = (frames: readonly FrameScore[]): FrameScore[] =>
  frames.map(({ frame, others, virus }) => ({ frame, others, virus }));

/** @param canScore the only frames that must be scored; undefined if devices that may be needed for them fail */
function checkWindow(result: WindowResult, alone: Alone, canScore: Alone | undefined): void {
  if (alone.length === 0) assert.equal(result.status, 'no_frame');
  else assert.ok(result.status === 'scored' || result.status === 'failed');
  assert.equal(result.reason === '', result.status === 'scored');
  assert.equal(result.decidingFrame === undefined, result.status !== 'scored');
  assert.equal(result.model, result.status === 'scored' ? 'fake' : '');
  if (result.status === 'scored') assert.deepEqual(result.frames, scoresOf(alone));
  if (canScore) assert.deepEqual(result.frames, scoresOf(canScore));
  for (const frame of result.frames)
    assert.deepEqual(
      frame,
      scoresOf(alone).find((one) => one.frame === frame.frame),
    );
}

function checkContig(result: ContigResult, windows: readonly WindowResult[]): void {
  const scored = windows.filter(({ status }) => status === 'scored');
  assert.equal(result.windows, windows.length);
  assert.equal(result.windowsScored, scored.length);
  assert.equal(result.windowsVirus, scored.filter(({ decidingFrame }) => decidingFrame!.virus >= 0.5).length);
  assert.equal(
    result.status === 'partial' || result.status === 'failed',
    windows.some(({ status }) => status === 'failed'),
  );
}

describe('the way from records to results', () => {
  it('loses nothing, gives nothing twice and keeps the order, whatever the devices do', () =>
    fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const started = await start(run);
        const seen = await allOf(started);
        checkResults(run, seen, started.control.stopped !== undefined);
        checkSummary(started, seen);
        assert.ok(started.given.every(isReleased));
      }),
      { numRuns: 400 },
    ));

  /** Results come in input order, each once, with the scores of each frame alone; all of them unless stopped. */
  function checkResults(run: Run, seen: readonly StoredResult[], isStopped: boolean): void {
    const { devices, memory = Infinity, lostAfter = [], isBroken = [], kindOf = () => 'sound' } = run.plan;
    const isSound = (index: number): boolean => (lostAfter[index] ?? Infinity) === Infinity && !isBroken[index];
    const hasSoundDevice = Array.from({ length: devices }, (_, index) => index).some(isSound);
    const remaining = [...seen].reverse();
    for (const [index, [header, text]] of run.records.entries()) {
      const windows: WindowResult[] = [];
      for (const { number, start, length } of windowsOf(text.length, run.chunkSize)) {
        const result = remaining.pop();
        if (!result) {
          assert.ok(isStopped);
          return;
        }
        assert.ok(result.kind === 'window');
        const end = start + length;
        const { index: record, contig } = result;
        assert.deepEqual(
          { record, contig, number: result.number, start: result.start, end: result.end },
          {
            ...{ record: index, contig: header.split(' ')[0], number, start, end },
          },
        );
        assert.equal(Buffer.from(result.sequences!.letters).toString(), text.slice(start, end));
        const alone = scoresAlone(Buffer.from(text.slice(start, end)));
        const canScore = alone.filter(
          ({ dna, protein }) => kindOf(dna, protein) === 'sound' && protein.length <= memory,
        );
        checkWindow(result, alone, hasSoundDevice ? canScore : undefined);
        windows.push(result);
      }
      const contig = remaining.pop();
      if (!contig) {
        assert.ok(isStopped);
        return;
      }
      assert.ok(contig.kind === 'contig');
      const { index: record, header: whole, length } = contig;
      assert.deepEqual([record, whole, length], [index, header, text.length]);
      checkContig(contig, windows);
    }
    assert.deepEqual(remaining, []);
  }

  function checkSummary({ summary, devices, control }: Started, seen: readonly StoredResult[]): void {
    const { counts, failures, framesDone, framesFailed, devices: used } = summary;
    const windows = seen.filter((result) => result.kind === 'window');
    const contigs = seen.filter((result) => result.kind === 'contig');
    const ofStatus = (status: string): number => windows.filter((window) => window.status === status).length;
    const ofVerdict = (verdict: string): number => contigs.filter((contig) => contig.verdict === verdict).length;
    assert.equal(summary.stopped, control.stopped);
    const { records, empty, framesFound, ...left } = counts;
    assert.deepEqual(left, {
      ...{ invalid: 0, uracil: 0, recordsWithUracil: 0, gaps: 0, recordsWithGaps: 0 },
      windows: windows.length,
      framesScored: windows.reduce((sum, { frames }) => sum + frames.length, 0),
      windowsScored: ofStatus('scored'),
      windowsTriaged: 0,
      framesSpared: 0,
      windowsNoFrame: ofStatus('no_frame'),
      windowsFailed: ofStatus('failed'),
      contigsVirus: ofVerdict('virus'),
      contigsOther: ofVerdict('other'),
      contigsNone: ofVerdict('none'),
    });
    assert.equal(
      failures.reduce((sum, { frames }) => sum + frames, 0),
      framesFailed,
    );
    assert.equal(
      used.reduce((sum, { frames }) => sum + frames, 0),
      devices.scoredFrames,
    );
    assert.equal(devices.running, 0);
    assert.ok(devices.mostRunning <= 3 * used.length);
    if (summary.stopped) {
      assert.ok(['VNP_SYSTEMIC', 'VNP_DEVICE_LOST'].includes(summary.stopped.code));
      return;
    }
    assert.equal(records, contigs.length);
    assert.equal(empty, contigs.filter(({ length }) => length === 0).length);
    const found = windows.reduce((sum, { sequences }) => sum + sequences!.orfs.length, 0);
    assert.deepEqual([framesFound, framesDone], [found, found]);
    assert.equal(counts.framesScored, found - framesFailed);
  }

  it('gives others their turn while a long record has nothing for the devices', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [0] });
    const pool = await devices.openPool();
    async function* read(): AsyncGenerator<SequenceRecord> {
      yield recordOf('long', 'N'.repeat(20_000_000));
    }
    let turns = 0;
    const turn = (): void => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const batches = { dnaTokens: 100, proteinTokens: 100, dnaTokenizer: new RunTokenizer(), proteinTable };
    let windows = 0;
    let turnsBeforeEnd = 0;
    for await (const { kind } of predict(read(), pool, { chunkSize: 100, batches, sequences: false }).results) {
      if (kind === 'window') windows++;
      else turnsBeforeEnd = turns;
    }
    clearImmediate(next);
    assert.equal(windows, 200_000);
    assert.ok(turnsBeforeEnd > 1, `${turnsBeforeEnd} turns`);
  });

  it('frees what it holds when its taker stops early', () =>
    fc.assert(
      fc.asyncProperty(runs, fc.nat(30), async (run, most) => {
        const { results, given, devices, control } = await start(run);
        let taken = 0;
        try {
          for await (const _ of results) if (++taken > most) break;
        } catch (error) {
          assert.equal(error, control.stopped);
        }
        assert.ok(given.every(isReleased));
        assert.equal(devices.running, 0);
      }),
      { numRuns: 150 },
    ));

  it('gives the results of what it read when the input breaks, then says how it broke', () =>
    fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const started = await start(run, true);
        const seen = await allOf(started, /the disk is gone/);
        checkResults(run, seen, started.control.stopped !== undefined);
        assert.ok(started.given.every(isReleased));
        assert.equal(started.devices.running, 0);
      }),
      { numRuns: 60 },
    ));

  it('gives the results that wait for others to leave with when the input breaks', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [0] });
    const pool = await devices.openPool();
    async function* read(): AsyncGenerator<SequenceRecord> {
      for (let index = 0; index < 40; index++) yield recordOf('no frame', 'N'.repeat(30), index);
      throw new Error('the disk is gone');
    }
    const batches = { dnaTokens: 100, proteinTokens: 100, dnaTokenizer: new RunTokenizer(), proteinTable };
    const contigs: number[] = [];
    const { results } = predict(read(), pool, { chunkSize: 30, batches, sequences: false });
    await assert.rejects(async () => {
      for await (const result of results) if (result.kind === 'contig') contigs.push(result.index);
    }, /the disk is gone/);
    assert.deepEqual(
      contigs,
      Array.from({ length: 40 }, (_, index) => index),
    );
  });

  it('gives the finished results when it is stopped, then says why', () =>
    fc.assert(
      fc.asyncProperty(runs, fc.nat(40), async (run, after) => {
        const started = await start({ ...run, plan: { devices: run.plan.devices, turns: run.plan.turns } });
        const { results, control, given, devices } = started;
        const reason = new VirnucproError('VNP_ABORTED', 'enough');
        const seen: StoredResult[] = [];
        let end: unknown;
        try {
          if (after === 0) control.stop(reason);
          for await (const result of results) {
            if (seen.push(result) === after) control.stop(reason);
          }
        } catch (error) {
          end = error;
        }
        assert.equal(end, control.stopped);
        checkResults(
          { ...run, plan: { ...run.plan, kindOf: () => 'sound', memory: Infinity } },
          seen,
          end !== undefined,
        );
        assert.ok(given.every(isReleased));
        assert.equal(devices.running, 0);
      }),
      { numRuns: 150 },
    ));

  it('does not wait for an input that pauses when it is stopped', async () => {
    const pool = await new FakeDevices({ devices: 1, turns: [0] }).openPool();
    async function* read(): AsyncGenerator<SequenceRecord> {
      yield recordOf('one', 'ACG'.repeat(10));
      await new Promise(() => undefined);
    }
    const batches = { dnaTokens: 100, proteinTokens: 100, dnaTokenizer: new RunTokenizer(), proteinTable };
    const { results, control } = predict(read(), pool, { chunkSize: 30, batches, sequences: false });
    setTimeout(() => control.stop(new VirnucproError('VNP_ABORTED', 'enough')), 20);
    await assert.rejects(results.next(), { code: 'VNP_ABORTED' });
  });

  it('gives the devices nothing new while it is paused, and all of it afterwards', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [1] });
    const pool = await devices.openPool();
    async function* read(): AsyncGenerator<SequenceRecord> {
      for (let index = 0; index < 500; index++) yield recordOf('one', 'ACG'.repeat(100), index);
    }
    const batches = { dnaTokens: 100, proteinTokens: 100, dnaTokenizer: new RunTokenizer(), proteinTable };
    const { results, control } = predict(read(), pool, { chunkSize: 300, batches, sequences: false });
    let contigs = 0;
    const run = (async () => {
      for await (const { kind } of results) {
        if (kind === 'contig' && ++contigs === 100) control.pause();
      }
    })();
    while (!control.isPaused) await new Promise((resolve) => setImmediate(resolve));
    await devices.idle();
    const scored = devices.scoredFrames;
    // What the devices have finished is taken, but nothing more begins.
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(devices.scoredFrames, scored);
    assert.equal(devices.running, 0);
    assert.ok(contigs < 500);
    control.resume();
    await run;
    assert.equal(contigs, 500);
    // Pausing a finished run pauses nobody.
    control.pause();
    await (
      await pool.share().submit(ONE_FRAME)
    ).outcome;
    control.resume();
    assert.ok(control.secondsPaused >= 0.09, String(control.secondsPaused));
  });

  it('begins paused where it was paused before', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [0] });
    const pool = await devices.openPool();
    async function* read(): AsyncGenerator<SequenceRecord> {
      yield recordOf('one', 'ACG'.repeat(10));
    }
    const batches = { dnaTokens: 100, proteinTokens: 100, dnaTokenizer: new RunTokenizer(), proteinTable };
    const { results, control } = predict(read(), pool, { chunkSize: 30, batches, sequences: false });
    control.pause();
    const first = results.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(devices.scoredFrames, 0);
    control.resume();
    assert.equal((await first).done, false);
    for await (const _ of results);
    assert.notDeepEqual([devices.scoredFrames], [0]);
  });
});
