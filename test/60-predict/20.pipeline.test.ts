import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeDna } from '../../lib/batches/dna-tokenizer.js';
import { encodeProteins } from '../../lib/batches/protein-tokens.js';
import { flattened } from '../../lib/input/flattened.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { seededNumbers } from '../../lib/models/seeded-random.js';
import { predictRecords } from '../../lib/predict/pipeline.js';
import type { ContigResult, PredictionResult, WindowResult } from '../../lib/predict/results.js';
import { RunSummary } from '../../lib/predict/summary.js';
import { keptFrames } from '../../lib/windows/kept-frames.js';
import { windowsOf } from '../../lib/windows/layout.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { FakeDevices, scoreOf } from './fake-devices.js';
import type { Plan } from './fake-devices.js';
import { isReleased, recordOf } from './records.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };

function randomLetters(length: number, seed: number, alphabet: string): string {
  const next = seededNumbers(seed);
  return Array.from({ length }, () => alphabet[(next() >>> 8) % alphabet.length]).join('');
}

/** Empty, shorter than a codon, without a frame, with all frames, and the usual; ids may be the same. */
const letters = fc.oneof(
  fc.constantFrom('', 'A', 'AC', 'NNNNNNNNNNNN', 'TAATAATAACTAACTAACTTAGTTAGTTAG', 'CCCCCCCCCCCCCCCCCCCCCCCCCCCC'),
  fc
    .tuple(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.constantFrom('ACGT', 'ACG', 'ACGTN', 'acgtACGT'))
    .map(([length, seed, alphabet]) => randomLetters(length, seed, alphabet)),
);
const records = fc.array(fc.tuple(fc.constantFrom('one', 'two', 'two words'), letters), { maxLength: 12 });

const plans: fc.Arbitrary<Plan> = fc.record({
  devices: fc.integer({ min: 1, max: 3 }),
  outcomes: fc.array(fc.constantFrom('scores' as const, 'scores' as const, 'error' as const, 'no number' as const), {
    minLength: 1,
    maxLength: 7,
  }),
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
  readonly results: AsyncIterableIterator<PredictionResult>;
  readonly given: SequenceRecord[];
  readonly devices: FakeDevices;
  readonly summary: RunSummary;
}

async function start(run: Run): Promise<Started> {
  const devices = new FakeDevices(run.plan);
  const pool = await devices.openPool();
  const summary = new RunSummary(pool.countUsage());
  const given: SequenceRecord[] = [];
  async function* read(): AsyncGenerator<SequenceRecord> {
    for (const [index, [header, text]] of run.records.entries()) {
      const record = recordOf(header, text, index);
      given.push(record);
      yield record;
    }
  }
  const { chunkSize, dnaTokens, proteinTokens } = run;
  const batches = { dnaTokens, proteinTokens, dnaTokenizer: new RunTokenizer(), proteinTable };
  const options = { chunkSize, batches, rule: RULE, sequences: true };
  return { results: flattened(predictRecords(read(), pool, options, summary)), given, devices, summary };
}

/** The scores that a window's frames have, by whatever way they go. */
function scoresAlone(window: Uint8Array) {
  return keptFrames(window).map(({ name, protein, nucleotide }) => {
    const dna = encodeDna([nucleotide], new RunTokenizer()).tokens;
    return { frame: name, ...scoreOf(dna, encodeProteins([protein], proteinTable).tokens) };
  });
}

function checkWindow(result: WindowResult, alone: ReturnType<typeof scoresAlone>): void {
  if (alone.length === 0) assert.equal(result.status, 'no_frame');
  else assert.ok(result.status === 'scored' || result.status === 'failed');
  assert.equal(result.reason === '', result.status === 'scored');
  assert.equal(result.bestFrame === undefined, result.status !== 'scored');
  if (result.status === 'scored') assert.deepEqual(result.frames, alone);
  for (const frame of result.frames)
    assert.deepEqual(
      frame,
      alone.find((one) => one.frame === frame.frame),
    );
}

function checkContig(result: ContigResult, windows: readonly WindowResult[]): void {
  const scored = windows.filter(({ status }) => status === 'scored');
  assert.equal(result.windows, windows.length);
  assert.equal(result.windowsScored, scored.length);
  assert.equal(result.windowsVirus, scored.filter(({ bestFrame }) => bestFrame!.virus >= 0.5).length);
  assert.equal(
    result.status === 'partial' || result.status === 'failed',
    windows.some(({ status }) => status === 'failed'),
  );
}

describe('the way from records to results', () => {
  it('loses nothing, gives nothing twice and keeps the order, whatever the devices do', () =>
    fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const { results, given, devices, summary } = await start(run);
        const seen: PredictionResult[] = [];
        for await (const result of results) {
          if (result.kind === 'contig') {
            const [, text] = run.records[result.record]!;
            assert.equal(Buffer.from(result.sequence.read(0, result.length)).toString(), text);
          }
          seen.push(result);
        }
        let next = 0;
        let unscored = 0;
        for (const [index, [header, text]] of run.records.entries()) {
          const windows: WindowResult[] = [];
          for (const { number, start, length } of windowsOf(text.length, run.chunkSize)) {
            const result = seen[next++]!;
            assert.ok(result.kind === 'window');
            const end = start + length;
            const { record, contig } = result;
            assert.deepEqual(
              { record, contig, number: result.number, start: result.start, end: result.end },
              {
                ...{ record: index, contig: header.split(' ')[0], number, start, end },
              },
            );
            assert.equal(Buffer.from(result.sequences!.letters).toString(), text.slice(start, end));
            const alone = scoresAlone(Buffer.from(text.slice(start, end)));
            checkWindow(result, alone);
            unscored += alone.length - result.frames.length;
            windows.push(result);
          }
          const contig = seen[next++]!;
          assert.ok(contig.kind === 'contig');
          const { record, header: whole, length } = contig;
          assert.deepEqual([record, whole, length], [index, header, text.length]);
          checkContig(contig, windows);
        }
        assert.equal(next, seen.length);
        assert.equal(unscored, devices.failedFrames + devices.framesWithoutNumber);
        assert.ok(given.every(isReleased));
        checkSummary(summary, seen, devices);
      }),
      { numRuns: 300 },
    ));

  function checkSummary(
    { counts, failures, devices: used }: RunSummary,
    seen: PredictionResult[],
    devices: FakeDevices,
  ) {
    const windows = seen.filter((result) => result.kind === 'window');
    const contigs = seen.filter((result) => result.kind === 'contig');
    const ofStatus = (status: string): number => windows.filter((window) => window.status === status).length;
    const ofVerdict = (verdict: string): number => contigs.filter((contig) => contig.verdict === verdict).length;
    assert.deepEqual(counts, {
      records: contigs.length,
      empty: contigs.filter(({ length }) => length === 0).length,
      windows: windows.length,
      framesKept: windows.reduce((sum, { sequences }) => sum + sequences!.kept.length, 0),
      framesScored: windows.reduce((sum, { frames }) => sum + frames.length, 0),
      windowsScored: ofStatus('scored'),
      windowsNoFrame: ofStatus('no_frame'),
      windowsFailed: ofStatus('failed'),
      contigsVirus: ofVerdict('virus'),
      contigsOther: ofVerdict('other'),
      contigsNone: ofVerdict('none'),
    });
    const framesOf = (wanted: string): number =>
      failures.filter(({ code }) => code === wanted).reduce((sum, { frames }) => sum + frames, 0);
    assert.equal(framesOf('VNP_MEMORY'), devices.failedFrames);
    assert.equal(framesOf('VNP_NATIVE'), devices.framesWithoutNumber);
    for (const { reason } of failures) assert.match(reason, /^Expected memory|^the model gave no number/);
    assert.equal(
      used.reduce((sum, { frames }) => sum + frames, 0),
      devices.scoredFrames,
    );
    assert.equal(devices.running, 0);
    assert.ok(devices.mostRunning <= 3 * used.length);
  }

  it('gives others their turn while a long record has nothing for the devices', async () => {
    const devices = new FakeDevices({ devices: 1, outcomes: ['scores'], turns: [0] });
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
    const options = { chunkSize: 100, batches, rule: RULE, sequences: false };
    let windows = 0;
    let turnsBeforeEnd = 0;
    for await (const { kind } of flattened(predictRecords(read(), pool, options, new RunSummary(pool.countUsage())))) {
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
        const { results, given, devices } = await start(run);
        let taken = 0;
        for await (const _ of results) if (++taken > most) break;
        assert.ok(given.every(isReleased));
        assert.equal(devices.running, 0);
      }),
      { numRuns: 150 },
    ));

  it('gives the results of what it read when the input breaks, then says how it broke', () =>
    fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const devices = new FakeDevices(run.plan);
        const pool = await devices.openPool();
        const given = run.records.map(([header, text], index) => recordOf(header, text, index));
        async function* read(): AsyncGenerator<SequenceRecord> {
          yield* given;
          throw new Error('the disk is gone');
        }
        const { chunkSize, dnaTokens, proteinTokens } = run;
        const batches = { dnaTokens, proteinTokens, dnaTokenizer: new RunTokenizer(), proteinTable };
        const options = { chunkSize, batches, rule: RULE, sequences: false };
        let contigs = 0;
        await assert.rejects(async () => {
          const summary = new RunSummary(pool.countUsage());
          for await (const { kind } of flattened(predictRecords(read(), pool, options, summary))) {
            if (kind === 'contig') contigs++;
          }
        }, /the disk is gone/);
        assert.equal(contigs, given.length);
        assert.ok(given.every(isReleased));
        assert.equal(devices.running, 0);
      }),
      { numRuns: 60 },
    ));

  it('gives the results that wait for others to leave with when the input breaks', async () => {
    const devices = new FakeDevices({ devices: 1, outcomes: ['scores'], turns: [0] });
    const pool = await devices.openPool();
    async function* read(): AsyncGenerator<SequenceRecord> {
      for (let index = 0; index < 40; index++) yield recordOf('no frame', 'N'.repeat(30), index);
      throw new Error('the disk is gone');
    }
    const batches = { dnaTokens: 100, proteinTokens: 100, dnaTokenizer: new RunTokenizer(), proteinTable };
    const options = { chunkSize: 30, batches, rule: RULE, sequences: false };
    const contigs: number[] = [];
    const results = flattened(predictRecords(read(), pool, options, new RunSummary(pool.countUsage())));
    await assert.rejects(async () => {
      for await (const result of results) if (result.kind === 'contig') contigs.push(result.record);
    }, /the disk is gone/);
    assert.deepEqual(
      contigs,
      Array.from({ length: 40 }, (_, index) => index),
    );
  });
});
