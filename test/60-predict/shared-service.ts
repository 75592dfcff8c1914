import type { DevicePool } from '../../lib/engine/pool/pool.js';
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
import { FakeDevices } from './fake-devices.js';
import type { Plan } from './fake-devices.js';
import { recordOf } from './records.js';

export const CHUNK_SIZE = 28;
export const RULE = { threshold: 0.5, minFraction: 0.5 };
/** A window of one base has six ORFs of three DNA tokens: this is room for ten of them. */
export const BATCHES = { dnaTokens: 180, proteinTokens: 10_000, dnaTokenizer: new RunTokenizer(), proteinTable };
export const WINDOWS = 10;
export const MAX_DELAY = 50;

/** Time that passes when the test says so. */
export class TestClock implements Clock {
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

export interface TestRun {
  readonly results: AsyncIterableIterator<StoredResult, undefined>;
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  /** Records that it has read so far. */
  readonly given: SequenceRecord[];
}

/** Fake devices with shared batches, for any number of runs. */
export class Service {
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

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn();
}
