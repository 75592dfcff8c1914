import type {
  Addon,
  BatchResult,
  FrameBatchTokens,
  NativeDevice,
  NativeWorker,
  OpenRequest,
} from '../../lib/engine/addon.js';
import { DevicePool } from '../../lib/engine/pool.js';

/** How a batch ends: with scores, with an error, or with a score that is no number for its first frame. */
export type Outcome = 'scores' | 'error' | 'no number';

export interface Plan {
  readonly devices: number;
  /** Of the batches in the order in which they are taken, again and again. */
  readonly outcomes: readonly Outcome[];
  /** Turns of the event loop that the batches take, again and again. */
  readonly turns: readonly number[];
}

/** Tokens a second of the linear layers of either model. */
export const LIMIT = 1000;

/** A virus score that depends on the frame's tokens alone. */
export function scoreOf(dna: ArrayLike<number>, protein: ArrayLike<number>): { others: number; virus: number } {
  let hash = 17;
  for (const tokens of [dna, protein]) {
    for (let index = 0; index < tokens.length; index++) hash = (Math.imul(hash, 31) + tokens[index]!) >>> 0;
  }
  const virus = Math.fround((hash % 1000) / 1000);
  return { others: Math.fround(1 - virus), virus };
}

/** Devices that take any time and may fail; all counts are of frames. */
export class FakeDevices {
  running = 0;
  mostRunning = 0;
  opened = 0;
  closed = 0;
  failedFrames = 0;
  framesWithoutNumber = 0;
  scoredFrames = 0;
  /** What measuring the linear layers of the first device fails with. */
  limitFailure: Error | undefined;
  #batches = 0;
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async openPool(engine: OpenRequest['engine'] = 'packed'): Promise<DevicePool> {
    const requests = Array.from({ length: this.#plan.devices }, (_, index) => ({
      ...({ device: `fake:${index}`, precision: 'fp32', threads: 1, engine } as OpenRequest),
    }));
    return DevicePool.open(this.addon(), requests);
  }

  addon(refused?: string): Addon {
    const part: Pick<Addon, 'devices' | 'openWorker'> = {
      devices: () => Array.from({ length: this.#plan.devices }, (_, index) => device(`fake:${index}`)),
      openWorker: async ({ device: id }) => {
        if (id === refused)
          throw Object.assign(new Error(`Expected memory but ${id} has none`), { code: 'VNP_MEMORY' });
        return this.#worker(this.opened++ === 0);
      },
    };
    return part as Addon;
  }

  #worker(isFirst: boolean): NativeWorker {
    let jobs = 0;
    const worker: Pick<NativeWorker, 'run' | 'close' | 'weightBytes' | 'measureLinear'> = {
      weightBytes: 1000,
      measureLinear: async (_, rows) => {
        if (isFirst && this.limitFailure) throw this.limitFailure;
        await new Promise((resolve) => setImmediate(resolve));
        return { seconds: rows / LIMIT, operations: rows };
      },
      run: async (batch) => {
        // As strict as the real one.
        if (jobs >= 3) throw Object.assign(new Error('a fourth job'), { code: 'VNP_ARGUMENT' });
        jobs++;
        try {
          return await this.#score(batch);
        } finally {
          jobs--;
        }
      },
      close: async () => {
        this.closed++;
      },
    };
    return worker as NativeWorker;
  }

  async #score({ dna, protein }: FrameBatchTokens): Promise<BatchResult> {
    const { outcomes, turns } = this.#plan;
    const batch = this.#batches++;
    const outcome = outcomes[batch % outcomes.length]!;
    const frames = dna.offsets.length - 1;
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    for (let turn = 0; turn < turns[batch % turns.length]!; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.running--;
    if (outcome === 'error') {
      this.failedFrames += frames;
      throw Object.assign(new Error('Expected memory for a batch but there is none'), { code: 'VNP_MEMORY' });
    }
    const scores = new Float32Array(2 * frames);
    for (let frame = 0; frame < frames; frame++) {
      const { others, virus } = scoreOf(
        dna.tokens.subarray(dna.offsets[frame], dna.offsets[frame + 1]),
        protein.tokens.subarray(protein.offsets[frame], protein.offsets[frame + 1]),
      );
      scores.set([others, virus], 2 * frame);
    }
    if (outcome === 'no number') {
      scores[1] = NaN;
      this.framesWithoutNumber++;
    }
    this.scoredFrames += frames;
    return { scores, faults: new Uint8Array(frames), seconds: { dna: 1, protein: 2, classifier: 3 } };
  }
}

function device(id: string): NativeDevice {
  return { id, name: 'a fake', capability: '', memoryTotal: 1, memoryFree: 1, bf16: false };
}
