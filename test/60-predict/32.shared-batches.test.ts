import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { DevicePool } from '../../lib/engine/pool/pool.js';
import { VirnucproError } from '../../lib/errors.js';
import { flattened } from '../../lib/input/flattened.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { Pipeline } from '../../lib/predict/pipeline.js';
import type { PipelineOptions } from '../../lib/predict/pipeline.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { SharedBatches } from '../../lib/predict/shared-batches.js';
import type { Clock } from '../../lib/predict/shared-batches.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import type { StoredResult } from '../../lib/scoring/results.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { FakeDevices, smallScoreOf } from './fake-devices.js';
import type { Plan } from './fake-devices.js';
import { isReleased, recordOf } from './records.js';

const CHUNK_SIZE = 28;
const RULE = { threshold: 0.5, minFraction: 0.5 };
/** A window of one base has six ORFs of three DNA tokens: this is room for ten of them. */
const BATCHES = { dnaTokens: 180, proteinTokens: 10_000, dnaTokenizer: new RunTokenizer(), proteinTable };
const WINDOWS = 10;
const MAX_DELAY = 50;

/** Time that passes when the test says so. */
class TestClock implements Clock {
  #now = 0;
  readonly #alarms = new Set<{ readonly time: number; readonly ring: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, ring: () => void): () => void {
    const alarm = { time: this.#now + milliseconds, ring };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  get alarms(): number {
    return this.#alarms.size;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const alarm of [...this.#alarms]) {
      if (alarm.time > this.#now || !this.#alarms.delete(alarm)) continue;
      alarm.ring();
    }
  }
}

interface TestRun {
  readonly results: AsyncIterableIterator<StoredResult, undefined>;
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  /** Records that it has read so far. */
  readonly given: SequenceRecord[];
}

/** Fake devices with shared batches, for any number of runs. */
class Service {
  readonly devices: FakeDevices;
  readonly clock = new TestClock();
  #pool: DevicePool | undefined;
  #shared: SharedBatches | undefined;

  constructor(plan: Plan) {
    this.devices = new FakeDevices(plan);
  }

  static async open(plan: Plan): Promise<Service> {
    const service = new Service(plan);
    service.#pool = await service.devices.openPool();
    service.#shared = new SharedBatches(service.#pool.share(), BATCHES, MAX_DELAY, service.clock);
    return service;
  }

  get pool(): DevicePool {
    return this.#pool!;
  }

  /** @param triage that decides first, in shared batches of its own */
  start(
    records: Iterable<string> | AsyncIterable<string>,
    { isShared = true, triage }: { isShared?: boolean; triage?: Service } = {},
  ): TestRun {
    const share = this.pool.share();
    const triageShare = triage?.pool.share();
    const summary = new MutableRunSummary([...share.usage, ...(triageShare?.usage ?? [])], 'small');
    const control = new RunControl();
    const given: SequenceRecord[] = [];
    async function* read(): AsyncGenerator<SequenceRecord, undefined> {
      for await (const letters of records) {
        const record = recordOf(`r${given.length}`, letters, given.length);
        given.push(record);
        yield record;
      }
    }
    const options: PipelineOptions = {
      ...{ model: 'fake', rule: RULE, chunkSize: CHUNK_SIZE, sequences: false, batches: BATCHES },
      shared: isShared ? this.#shared : undefined,
      triage: triage && {
        ...{ share: triageShare!, batches: BATCHES, shared: triage.#shared, model: 'small' },
        ...{ rule: { othersBelow: 0.3, virusAtLeast: 0.7 }, temperature: { rule: 1, results: 1 } },
      },
    };
    const context = { summary, control, onFailure: () => undefined };
    return { results: flattened(new Pipeline(read(), share, options, context).groups()), summary, control, given };
  }

  /** Lets time pass until the work is over, whatever waits for it. */
  async during<T>(work: Promise<T>): Promise<T> {
    const over = new AbortController();
    const end = (): void => over.abort();
    work.then(end, end);
    while (!over.signal.aborted) {
      await turn();
      this.clock.pass(1);
    }
    return work;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn();
}

async function allOf({ results }: TestRun): Promise<StoredResult[]> {
  const all: StoredResult[] = [];
  for await (const result of results) all.push(result);
  return all;
}

/** What of results does not depend on the run. */
function told(results: readonly StoredResult[]): unknown[] {
  return results.map((result) =>
    result.kind === 'window' ? result : { ...result, sequence: result.sequence.length, source: '' },
  );
}

const windowOf = (base: string): string => base.repeat(CHUNK_SIZE);
const framesOf = ({ devices }: MutableRunSummary): number => devices.reduce((sum, { frames }) => sum + frames, 0);

describe('runs that share batches', () => {
  it('fill them together: a hundred single contigs take no more batches than one run of a hundred', async () => {
    const service = await Service.open({ devices: 1, turns: [1] });
    const runs = Array.from({ length: 100 }, (_, index) => service.start([windowOf('ACG'[index % 3]!)]));
    const all = await service.during(Promise.all(runs.map(allOf)));
    assert.ok(all.every((results) => results.length === 2));
    assert.equal(service.devices.scoredBatches.length, 100 / WINDOWS);
    for (const { summary } of runs) {
      const [usage] = summary.devices;
      assert.deepEqual([usage!.batches, usage!.frames, usage!.dnaTokens], [1, 6, 18]);
      // Six of a batch's sixty equal frames; a batch takes 1, 2 and 3 seconds on a fake device.
      const { dna, protein, classifier } = usage!.seconds;
      for (const [seconds, whole] of [
        [dna, 1],
        [protein, 2],
        [classifier, 3],
      ] as const) {
        assert.ok(Math.abs(seconds - whole / WINDOWS) < 1e-9, `${seconds} of ${whole}`);
      }
    }
  });

  it('wait for each other no longer than they may, and not at all once a batch is full', async () => {
    const service = await Service.open({ devices: 1, turns: [0] });
    const first = allOf(service.start([windowOf('A')]));
    await turns(20);
    service.clock.pass(MAX_DELAY - 1);
    const second = allOf(service.start([windowOf('C')]));
    await turns(20);
    assert.equal(service.devices.scoredBatches.length, 0);
    service.clock.pass(1);
    await Promise.all([first, second]);
    assert.equal(service.devices.scoredBatches.length, 1);
    const full = Array.from({ length: WINDOWS }, () => allOf(service.start([windowOf('A')])));
    await Promise.all(full);
    assert.equal(service.devices.scoredBatches.length, 2);
    assert.equal(service.clock.alarms, 0);
  });

  it('take turns window by window: a single contig is in the next batch, however much another run brings', async () => {
    // A batch takes more turns than anything else that happens here.
    const service = await Service.open({ devices: 1, turns: [10] });
    const large = service.start([windowOf('A').repeat(100_000)]);
    let isOver = false;
    const reading = allOf(large).finally(() => (isOver = true));
    await turns(50);
    for (let round = 0; round < 20; round++) {
      const before = service.devices.scoredBatches.length;
      const singles = ['C', 'G', 'T'].map((base) => allOf(service.start([windowOf(base)])));
      await service.during(Promise.all(singles));
      // Three are on the device already, a fourth has theirs.
      const batches = service.devices.scoredBatches.length - before;
      assert.ok(batches <= 4, `${batches} batches`);
    }
    assert.equal(isOver, false, 'the large run is still busy');
    large.control.stop(new VirnucproError('VNP_ABORTED', 'enough'));
    await assert.rejects(reading, { code: 'VNP_ABORTED' });
  });

  it('are held up by none that stops reading its results, and it reads on later', async () => {
    const service = await Service.open({ devices: 1, turns: [0, 1] });
    const bases = Array.from({ length: 5000 }, (_, index) => windowOf('ACG'[index % 3]!));
    const stalled = service.start(bases);
    const never = service.start(bases);
    await service.during(stalled.results.next());
    for (let round = 0; round < 5; round++) {
      const others = Array.from({ length: 7 }, () => allOf(service.start([windowOf('A'), windowOf('C')])));
      for (const results of await service.during(Promise.all(others))) assert.equal(results.length, 4);
    }
    assert.equal(never.given.length, 0);
    // It has read what a group of results and a waiting batch take, and no more.
    assert.ok(stalled.given.length < 1000, `${stalled.given.length} records`);
    const left = await service.during(allOf(stalled));
    assert.equal(left.length, 2 * bases.length - 1);
  });

  it('give what is finished while their input pauses, and can be left then', async () => {
    const service = await Service.open({ devices: 1, turns: [1] });
    let goOn!: () => void;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    async function* pausing(until: Promise<void>): AsyncGenerator<string> {
      yield windowOf('A');
      yield 'N'.repeat(CHUNK_SIZE);
      await until;
      yield windowOf('C');
    }
    const patient = service.start(pausing(gate));
    const left = service.start(pausing(new Promise(() => undefined)));
    for (const { results } of [patient, left]) {
      for (const kind of ['window', 'contig', 'window', 'contig']) {
        const next = await service.during(results.next());
        assert.equal(next.value?.kind, kind);
      }
    }
    await left.results.return!();
    assert.equal(left.control.stopped, undefined);
    goOn();
    assert.equal((await service.during(allOf(patient))).length, 2);
    assert.equal(patient.control.stopped, undefined);
    for (const { given } of [patient, left]) assert.ok(given.every(isReleased));
  });

  it('go on when one is aborted, throws while it is read, or is left', async () => {
    const service = await Service.open({ devices: 1, turns: [1] });
    async function* breaking(): AsyncGenerator<string> {
      for (let index = 0; index < 30; index++) yield windowOf('C');
      throw new Error('the cursor is closed');
    }
    const many = Array.from({ length: 400 }, () => windowOf('G'));
    const aborted = service.start(many);
    const abortion = assert.rejects(allOf(aborted), { code: 'VNP_ABORTED' });
    const broken = service.start(breaking());
    const brokenResults: StoredResult[] = [];
    const breakage = assert.rejects(async () => {
      for await (const result of broken.results) brokenResults.push(result);
    }, /the cursor is closed/);
    const left = service.start(many);
    const leaving = (async () => {
      for await (const _ of left.results) break;
    })();
    const sound = Array.from({ length: 5 }, () => service.start(['ACG', 'CCA', 'GGA'].map((b) => b.repeat(100))));
    const all = Promise.all(sound.map(allOf));
    await turns(3);
    aborted.control.stop(new VirnucproError('VNP_ABORTED', 'enough'));
    await service.during(Promise.all([abortion, breakage, leaving]));
    const expected = told(
      await allOf(
        service.start(
          ['ACG', 'CCA', 'GGA'].map((b) => b.repeat(100)),
          { isShared: false },
        ),
      ),
    );
    for (const results of await service.during(all)) assert.deepEqual(told(results), expected);
    assert.equal(brokenResults.length, 60, 'what it had read');
    for (const run of [aborted, broken, left, ...sound]) assert.ok(run.given.every(isReleased));
    assert.equal(service.clock.alarms, 0, 'nothing waits any more');
  });

  it('do not wait for the devices when they are aborted', async () => {
    const service = await Service.open({ devices: 1, turns: [1_000_000] });
    const run = service.start([windowOf('A')]);
    const aborted = assert.rejects(allOf(run), { code: 'VNP_ABORTED' });
    await turns(5);
    service.clock.pass(MAX_DELAY);
    await turns(5);
    assert.equal(service.devices.running, 1);
    run.control.stop(new VirnucproError('VNP_ABORTED', 'enough'));
    await aborted;
    assert.equal(framesOf(run.summary), 0);
  });

  it('keep to themselves what fails', async () => {
    const isPoisoned = (dna: ArrayLike<number>): boolean => dna[1]! % 1000 === 'G'.charCodeAt(0);
    const service = await Service.open({
      ...{ devices: 2, turns: [1, 0] },
      kindOf: (dna) => (isPoisoned(dna) ? 'throws' : dna[1]! % 1000 === 'C'.charCodeAt(0) ? 'no number' : 'sound'),
    });
    // Every base has its complement in the reverse frames.
    const runs = { sound: service.start([windowOf('A')]), poisoned: service.start([windowOf('C')]) };
    const [sound, poisoned] = await service.during(Promise.all([allOf(runs.sound), allOf(runs.poisoned)]));
    const statuses = (results: readonly StoredResult[]): string[] => results.map(({ status }) => status);
    assert.deepEqual(
      [statuses(sound), statuses(poisoned)],
      [
        ['scored', 'scored'],
        ['failed', 'failed'],
      ],
    );
    assert.deepEqual([runs.sound.summary.framesFailed, runs.sound.summary.failures], [0, []]);
    const { failures, framesFailed } = runs.poisoned.summary;
    assert.equal(framesFailed, 6);
    assert.deepEqual(
      failures.map(({ part, frames, code }) => [part, frames, code]),
      [...Array.from({ length: 3 }, () => ['batch', 1, 'VNP_NATIVE']), ['classifier', 3, 'VNP_NATIVE']],
    );
  });

  it('end when the last device is lost, with the reason', async () => {
    const service = await Service.open({ devices: 2, turns: [1], lostAfter: [1, 0] });
    const many = Array.from({ length: 100 }, () => windowOf('A'));
    const runs = Array.from({ length: 5 }, () => allOf(service.start(many)));
    const settled = await service.during(Promise.allSettled(runs));
    for (const one of settled)
      assert.ok(one.status === 'rejected' && (one.reason as VirnucproError).code === 'VNP_DEVICE_LOST');
  });

  it('go on while one is paused', async () => {
    const service = await Service.open({ devices: 1, turns: [0] });
    const paused = service.start([windowOf('A'), windowOf('C')]);
    paused.control.pause();
    const results = allOf(paused);
    await service.during(Promise.all(Array.from({ length: 30 }, () => allOf(service.start([windowOf('G')])))));
    assert.equal(service.devices.scoredFrames, 30 * 6);
    paused.control.resume();
    assert.equal((await service.during(results)).length, 4);
  });

  const letters = fc.array(fc.constantFrom('A', 'C', 'G', 'T', 'N'), { minLength: 0, maxLength: 150 });
  const scenario = fc.record({
    plan: fc.record({
      devices: fc.integer({ min: 1, max: 3 }),
      turns: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
      memory: fc.constantFrom(Infinity, 60),
      lostAfter: fc.constantFrom([], [Infinity, 1], [Infinity, 3, 0]),
    }),
    runs: fc.array(
      fc.record({
        records: fc.array(
          letters.map((one) => one.join('')),
          { maxLength: 12 },
        ),
        /** Turns before it begins, and between its records. */
        begin: fc.nat(10),
        pace: fc.nat(3),
        /** The number of results after which it stops, and how. */
        end: fc.option(fc.record({ after: fc.nat(8), how: fc.constantFrom('stop', 'leave') }), { nil: undefined }),
        pause: fc.option(fc.nat(5), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    hasTriage: fc.boolean(),
  });

  it('give what each would give alone, whatever the others do', () =>
    fc.assert(
      fc.asyncProperty(scenario, async ({ plan, runs, hasTriage }) => {
        const service = await Service.open(plan);
        const triage = hasTriage ? await Service.open({ devices: 1, turns: [0, 2], scoreOf: smallScoreOf }) : undefined;
        const alone = await Service.open({ devices: 1, turns: [0] });
        const started: TestRun[] = [];
        const all = runs.map(async ({ records, begin, pace, end, pause }) => {
          async function* paced(): AsyncGenerator<string> {
            for (const record of records) {
              await turns(pace);
              yield record;
            }
          }
          await turns(begin);
          const run = service.start(paced(), triage && { triage });
          started.push(run);
          const results: StoredResult[] = [];
          const reason = new VirnucproError('VNP_ABORTED', 'enough');
          try {
            for await (const result of run.results) {
              results.push(result);
              if (results.length === pause) {
                run.control.pause();
                setImmediate(() => run.control.resume());
              }
              if (results.length !== end?.after) continue;
              if (end.how === 'leave') break;
              run.control.stop(reason);
            }
          } catch (error) {
            assert.equal(error, reason);
          }
          return { run, results };
        });
        const ended = (async () => {
          for (const [index, { run, results }] of (await Promise.all(all)).entries()) {
            const { records, end } = runs[index]!;
            const reference = await Service.open({ devices: 1, turns: [0], scoreOf: smallScoreOf });
            const own = alone.start(records, { isShared: false, ...(triage && { triage: reference }) });
            const expected = told(await service.during(reference.during(allOf(own))));
            assert.deepEqual(told(results), expected.slice(0, results.length));
            const isCutShort =
              run.control.stopped !== undefined || (end?.how === 'leave' && results.length === end.after);
            if (isCutShort) continue;
            assert.equal(results.length, expected.length);
            const ofModel = run.summary.devices.slice(0, plan.devices).reduce((sum, { frames }) => sum + frames, 0);
            assert.equal(ofModel, run.summary.framesDone - run.summary.framesSpared);
          }
        })();
        await (triage ? triage.during(service.during(ended)) : service.during(ended));
        for (const { given } of started) assert.ok(given.every(isReleased));
        await service.devices.idle();
        assert.deepEqual([service.clock.alarms, service.devices.running], [0, 0]);
        if (runs.some(({ end }) => end)) return;
        const counted = started.reduce(
          (sum, { summary }) =>
            sum + summary.devices.slice(0, plan.devices).reduce((all, { frames }) => all + frames, 0),
          0,
        );
        assert.equal(counted, service.devices.scoredFrames);
      }),
      { numRuns: 40 },
    ));
});
