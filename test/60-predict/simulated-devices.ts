import type { Addon, BatchResult, FrameBatchTokens, NativeProgress, NativeWorker } from '../../lib/engine/addon.js';
import type { WorkerRequest } from '../../lib/engine/pool/open-workers.js';
import { DevicePool } from '../../lib/engine/pool/pool.js';
import type { PoolEvent } from '../../lib/engine/pool/pool-events.js';
import { device, framesOf, nativeError, scoreOf } from './fake-devices.js';

/** Time that passes only when everyone waits for it. */
export class SimulatedClock {
  now = 0;
  readonly #alarms: { readonly time: number; readonly ring: () => void }[] = [];

  at(time: number, ring: () => void): void {
    const place = this.#alarms.findIndex((alarm) => alarm.time > time);
    this.#alarms.splice(place < 0 ? this.#alarms.length : place, 0, { time, ring });
  }

  /** Lets time pass until no one waits. */
  async run(): Promise<void> {
    for (;;) {
      // Everything that follows from the last alarm happens at its time.
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#alarms.shift();
      if (!next) return;
      this.now = next.time;
      next.ring();
    }
  }
}

export interface SimulatedDevice {
  /** Tokens a second. */
  readonly speed: number;
  /** Maximum tokens of a batch that fits its memory. */
  readonly memory: number;
  /** Batches after which every further one reports that it is lost. */
  readonly lostAfter: number;
}

export interface Simulation {
  readonly devices: readonly SimulatedDevice[];
  /** Whether a batch fails without a fault of its own, by the number of the attempt. */
  readonly failsByChance: (attempt: number) => boolean;
  /** Whether a frame makes every batch fail that contains it. */
  readonly isPoisoned: (tokens: Int32Array) => boolean;
}

/** What one simulated device did. */
export interface DeviceRecord {
  batches: number;
  busy: number;
  /** Time since which it has had nothing to do. */
  idleSince: number;
  /** Longest time that it had nothing to do while there were batches. */
  starved: number;
  /** Seconds of the longest batch. */
  longest: number;
}

/** Layers of ESM-2 3B and DNABERT-S together. */
const LAYERS = 36 + 12;

interface Job {
  readonly batch: FrameBatchTokens;
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (reason: Error) => void;
}

/** Devices of any speed, in simulated time: like real ones, they compute one batch after another. */
export class SimulatedDevices {
  readonly clock = new SimulatedClock();
  readonly records: DeviceRecord[];
  readonly events: PoolEvent[] = [];
  /** How often every frame was scored, by its first DNA token. */
  readonly timesScored = new Map<number, number>();
  /** Set while there are more batches than the devices have room for. */
  hasMore = true;
  #attempts = 0;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.records = simulation.devices.map(() => ({ batches: 0, busy: 0, idleSince: 0, starved: 0, longest: 0 }));
  }

  async openPool(): Promise<DevicePool> {
    let opened = 0;
    const addon: Pick<Addon, 'openWorker'> = { openWorker: async () => this.#worker(opened++) };
    const requests = this.#simulation.devices.map((_, index): WorkerRequest => {
      const id = `simulated:${index}`;
      return { id, device: device(id), precision: 'fp32', threads: 1, engine: 'packed' };
    });
    return DevicePool.open(addon as Addon, requests, { onEvent: (event) => this.events.push(event) });
  }

  #worker(index: number): NativeWorker {
    const record = this.records[index]!;
    const waiting: Job[] = [];
    let isRunning = false;
    let [begun, end] = [0, 0];
    const progress = (): NativeProgress => {
      const fraction = isRunning && end > begun ? (this.clock.now - begun) / (end - begun) : 0;
      const layers = isRunning ? LAYERS : 0;
      return { stage: isRunning ? 'protein' : 'idle', layersDone: Math.floor(fraction * layers), layers, fraction };
    };
    const next = (): void => {
      const job = waiting.shift();
      isRunning = job !== undefined;
      if (!job) {
        record.idleSince = this.clock.now;
        return;
      }
      const duration = job.batch.protein.tokens.length / this.#simulation.devices[index]!.speed;
      [begun, end] = [this.clock.now, this.clock.now + duration];
      this.clock.at(end, () => {
        record.busy += duration;
        record.longest = Math.max(record.longest, duration);
        try {
          job.resolve(this.#compute(job.batch, index));
        } catch (error) {
          job.reject(error as Error);
        }
        next();
      });
    };
    const worker: Partial<NativeWorker> = {
      weightBytes: 0,
      threads: 1,
      progress,
      run: (batch) =>
        new Promise((resolve, reject) => {
          waiting.push({ batch, resolve, reject });
          if (isRunning) return;
          if (this.hasMore) record.starved = Math.max(record.starved, this.clock.now - record.idleSince);
          next();
        }),
      cancel: () => {
        for (const { reject } of waiting.splice(0)) reject(nativeError('VNP_ABORTED', 'cancelled'));
      },
      close: async () => undefined,
    };
    return worker as NativeWorker;
  }

  #compute(batch: FrameBatchTokens, index: number): BatchResult {
    const { devices, failsByChance, isPoisoned } = this.#simulation;
    const { memory, lostAfter } = devices[index]!;
    if (this.records[index]!.batches++ >= lostAfter) throw nativeError('VNP_DEVICE_LOST', 'the device is gone');
    if (failsByChance(this.#attempts++)) throw nativeError('VNP_NATIVE', 'by chance');
    if (batch.protein.tokens.length > memory) throw nativeError('VNP_MEMORY', 'Expected memory but there is none');
    const frames = framesOf(batch);
    if (frames.some(({ dna }) => isPoisoned(dna))) throw nativeError('VNP_NATIVE', 'a frame that cannot be computed');
    const scores = new Float32Array(2 * frames.length);
    frames.forEach(({ dna, protein }, frame) => {
      const { others, virus } = scoreOf(dna, protein);
      scores.set([others, virus], 2 * frame);
      this.timesScored.set(dna[0]!, (this.timesScored.get(dna[0]!) ?? 0) + 1);
    });
    return { scores, faults: new Uint8Array(frames.length), seconds: { dna: 0, protein: 0, classifier: 0 } };
  }
}
