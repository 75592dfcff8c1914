import type {
  Addon,
  BatchResult,
  FrameBatchTokens,
  NativeDevice,
  NativeProgress,
  NativeWorker,
  OpenRequest,
} from '../../lib/engine/addon.js';
import type { EmbeddingRequest, PooledStates } from '../../lib/engine/pool/embedding-work.js';
import type { WorkerRequest } from '../../lib/engine/pool/open-workers.js';
import { DevicePool } from '../../lib/engine/pool/pool.js';
import type { PoolEvent } from '../../lib/engine/pool/pool-events.js';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import type { ErrorCode } from '../../lib/errors.js';

/** The kind of a frame, by its tokens: a sound one, one that makes a batch throw, one whose score is NaN. */
export type FrameKind = 'sound' | 'throws' | 'no number';

export interface Plan {
  readonly devices: number;
  /**
   * Turns of the event loop that batches take, in the order in which devices take the batches; repeats from the start.
   */
  readonly turns: readonly number[];
  /** Default: only sound frames. */
  readonly kindOf?: (dna: ArrayLike<number>, protein: ArrayLike<number>) => FrameKind;
  /** Default: `scoreOf`. */
  readonly scoreOf?: typeof scoreOf;
  /** Protein tokens that fit into the devices' memory. Default: any number. */
  readonly memory?: number;
  /** By device: batches after which it is lost. Default: never. */
  readonly lostAfter?: readonly number[];
  /** By device: whether every batch fails on it. */
  readonly isBroken?: readonly boolean[];
}

/** The id of a device without memory, or the errors of several when they are opened. */
type Refused = string | ReadonlyMap<string, ErrorCode>;

const IDLE: NativeProgress = { stage: 'idle', layersDone: 0, layers: 0, fraction: 0 };

/** Tokens a second of the linear layers of each model. */
export const LIMIT = 1000;

/** A virus score that depends only on the frame's tokens. */
export function scoreOf(dna: ArrayLike<number>, protein: ArrayLike<number>): { others: number; virus: number } {
  const virus = Math.fround((hashOf(dna, protein) % 1000) / 1000);
  return { others: Math.fround(1 - virus), virus };
}

/** The same for a second model. */
export function smallScoreOf(dna: ArrayLike<number>, protein: ArrayLike<number>): { others: number; virus: number } {
  const virus = Math.fround((1 + (hashOf(protein, dna, [7]) % 998)) / 1000);
  return { others: Math.fround(1 - virus), virus };
}

export function hashOf(...tokenLists: readonly ArrayLike<number>[]): number {
  let hash = 17;
  for (const tokens of tokenLists) {
    for (let index = 0; index < tokens.length; index++) hash = (Math.imul(hash, 31) + tokens[index]!) >>> 0;
  }
  return hash;
}

/** Width of the states that fake devices embed by. */
export const WIDTH = 3;

/** A row of states that depends only on some tokens and the layer. */
export function stateOf(tokens: ArrayLike<number>, layer: number): number[] {
  return Array.from({ length: WIDTH }, (_, column) => hashOf(tokens, [layer, column]) % 1000);
}

function statesOf({ tokens, offsets }: PackedTokens, { layers, pools }: EmbeddingRequest): PooledStates {
  const sequences = Array.from({ length: offsets.length - 1 }, (_, index) =>
    tokens.subarray(offsets[index], offsets[index + 1]),
  );
  const rows = { mean: sequences, max: sequences, cls: sequences, tokens: [...tokens].map((token) => [token]) };
  const ofPool = (pool: keyof typeof rows): Float32Array[] =>
    layers.map((layer) => Float32Array.from(rows[pool].flatMap((one) => stateOf(one, layer))));
  return Object.fromEntries(pools.map((pool) => [pool, ofPool(pool)]));
}

/** The tokens of every frame of a batch. */
export function framesOf({ dna, protein }: FrameBatchTokens): { dna: Int32Array; protein: Int32Array }[] {
  return Array.from({ length: dna.offsets.length - 1 }, (_, frame) => ({
    dna: dna.tokens.subarray(dna.offsets[frame], dna.offsets[frame + 1]),
    protein: protein.tokens.subarray(protein.offsets[frame], protein.offsets[frame + 1]),
  }));
}

export function nativeError(code: ErrorCode, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Devices that take any time and may fail. */
export class FakeDevices {
  /** Batches that run or wait on all devices. */
  running = 0;
  mostRunning = 0;
  opened = 0;
  closed = 0;
  scoredFrames = 0;
  /** Hashes of all scored batches, over their tokens and frame ends, in any order. */
  readonly scoredBatches: number[] = [];
  readonly events: PoolEvent[] = [];
  /** The error of measuring the first device's linear layers. */
  limitFailure: Error | undefined;
  #batches = 0;
  /** Of the running batch, by device. */
  readonly #progress: (NativeProgress | undefined)[] = [];
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async openPool(
    engine: OpenRequest['engine'] = 'packed',
    refused?: Refused,
    { mayLeaveOut = false, tokensThatFit }: { mayLeaveOut?: boolean; tokensThatFit?: readonly number[] } = {},
  ): Promise<DevicePool> {
    const requests = Array.from({ length: this.#plan.devices }, (_, index): WorkerRequest => {
      const id = `fake:${index}`;
      const tokens = tokensThatFit?.[index];
      const fitting = tokens === undefined ? {} : { tokensThatFit: tokens };
      return { id, device: device(id), precision: 'fp32', threads: 1, engine, ...fitting };
    });
    const onEvent = (event: PoolEvent): void => void this.events.push(event);
    return DevicePool.open(this.addon(refused), requests, { mayLeaveOut, onEvent });
  }

  /** Resolves when nothing runs or waits on any device. */
  async idle(): Promise<void> {
    while (this.running > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  addon(refused?: Refused): Addon {
    const part: Pick<Addon, 'openWorker'> = {
      openWorker: async ({ device: id }) => {
        const code = typeof refused === 'string' ? (id === refused ? 'VNP_MEMORY' : undefined) : refused?.get(id);
        if (code) throw nativeError(code, `Expected memory but ${id} has none`);
        return this.#worker(this.opened++);
      },
    };
    return part as Addon;
  }

  #worker(index: number): NativeWorker {
    const waiting: { readonly start: () => void; readonly reject: (reason: Error) => void }[] = [];
    let jobs = 0;
    let isComputing = false;
    let taken = 0;
    /** Waits for its turn: as on a real worker, one job runs at a time, and waiting jobs can be cancelled. */
    const turn = (): Promise<void> =>
      new Promise((resolve, reject) => {
        if (isComputing) waiting.push({ start: resolve, reject });
        else resolve();
        isComputing = true;
      });
    const job = async <Result>(compute: () => Promise<Result>): Promise<Result> => {
      // As strict as the real worker.
      if (jobs >= 3) throw nativeError('VNP_ARGUMENT', 'a fourth job');
      jobs++;
      this.mostRunning = Math.max(this.mostRunning, ++this.running);
      let hasTurn = false;
      try {
        await turn();
        hasTurn = true;
        return await compute();
      } finally {
        if (hasTurn) this.#progress[index] = undefined;
        jobs--;
        this.running--;
        if (hasTurn) {
          const next = waiting.shift();
          isComputing = next !== undefined;
          next?.start();
        }
      }
    };
    const worker: Partial<NativeWorker> = {
      weightBytes: 1000,
      threads: 1,
      progress: () => this.#progress[index] ?? IDLE,
      measureLinear: async (_, rows) => {
        if (index === 0 && this.limitFailure) throw this.limitFailure;
        await new Promise((resolve) => setImmediate(resolve));
        return { seconds: rows / LIMIT, operations: rows };
      },
      run: (batch) => job(() => this.#score(batch, index, taken++)),
      embed: (part, tokens, request) =>
        job(async () => {
          const none = { tokens: new Int32Array(0), offsets: new Int32Array(tokens.offsets.length) };
          await this.#compute({ dna: none, protein: none, [part]: tokens }, index, taken++);
          return statesOf(tokens, request);
        }),
      cancel: () => {
        for (const { reject } of waiting.splice(0)) reject(nativeError('VNP_ABORTED', 'cancelled'));
      },
      close: async () => {
        this.closed++;
      },
    };
    return worker as NativeWorker;
  }

  /** Takes its time, and may fail. @returns the kinds of the batch's frames */
  async #compute(batch: FrameBatchTokens, index: number, taken: number): Promise<FrameKind[]> {
    const { turns, memory = Infinity, lostAfter = [], isBroken = [], kindOf = () => 'sound' } = this.#plan;
    // Every turn is a layer.
    const layers = turns[this.#batches++ % turns.length]!;
    for (let layersDone = 0; layersDone < layers; layersDone++) {
      this.#progress[index] = { stage: 'protein', layersDone, layers, fraction: layersDone / layers };
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (taken >= (lostAfter[index] ?? Infinity)) throw nativeError('VNP_DEVICE_LOST', 'the device is gone');
    if (isBroken[index]) throw nativeError('VNP_NATIVE', 'nothing works here');
    if (batch.protein.tokens.length > memory) throw nativeError('VNP_MEMORY', 'Expected memory but there is none');
    const kinds = framesOf(batch).map(({ dna, protein }) => kindOf(dna, protein));
    if (kinds.includes('throws')) throw nativeError('VNP_NATIVE', 'a frame that cannot be computed');
    return kinds;
  }

  async #score(batch: FrameBatchTokens, index: number, taken: number): Promise<BatchResult> {
    const kinds = await this.#compute(batch, index, taken);
    const { scoreOf: score = scoreOf } = this.#plan;
    const frames = framesOf(batch);
    const scores = new Float32Array(2 * frames.length);
    frames.forEach(({ dna, protein }, frame) => {
      const { others, virus } = score(dna, protein);
      scores.set([others, kinds[frame] === 'no number' ? NaN : virus], 2 * frame);
    });
    this.scoredFrames += frames.length;
    this.scoredBatches.push(hashOf(batch.dna.offsets, batch.dna.tokens, batch.protein.tokens));
    const seconds = { dna: 1, protein: 2, classifier: 3 };
    return { scores, faults: new Uint8Array(frames.length), seconds };
  }
}

export function device(id: string): NativeDevice {
  return {
    ...{ id, name: 'a fake', capability: '', memoryTotal: 1, memoryFree: 1, bf16: false },
    ...{ driver: '', pciAddress: '', mig: false, computeMode: 'default', processes: 0 },
  };
}
