import { readFileSync, writeFileSync } from 'node:fs';
import type { PackedTokens } from '../batches/tokens.js';
import type { EmbeddingResult, EmbedOptions, NativeWorker } from '../engine/addon.js';

/** Unless their number is given: total time of the repeats, and their minimum number. */
const SECONDS = 10;
const MIN_REPEATS = 3;
/**
 * Minimum time for the batches embedded between two measurements of the limit: shorter ones measure noise, and on a GPU
 * mostly the start of the first batch.
 */
const SECONDS_A_GROUP = 0.5;
/** Time for each measurement of the limit, and of the parts of the forward pass at the end; each runs at least once. */
const SECONDS_BESIDE = 0.25;
const MAX_RUNS = 10_000;
/** Maximum rows of `measureLinear`. */
const MAX_ROWS = 2 ** 20;

/** An opened language model and what it embeds. */
export interface Workload {
  readonly worker: Pick<NativeWorker, 'embed' | 'measureLinear'>;
  readonly part: 'dna' | 'protein';
  /** Those of the model. */
  readonly layers: number;
  readonly batches: readonly PackedTokens[];
  /** Whether the linear layers can be measured alone: packed engine only. */
  readonly hasLimit: boolean;
  /** Seconds since an arbitrary start. */
  readonly clock: () => number;
}

/** One repeat. */
export interface SpeedSample {
  readonly tokensPerSecond: number;
  /** Speed of the linear layers alone during the same repeat, in operations a second. */
  readonly limit?: number;
}

export interface Speed {
  readonly samples: readonly SpeedSample[];
  /** How often each repeat embedded all sequences. */
  readonly passes: number;
  /** Multiplications and additions of the linear layers for one token. */
  readonly operationsPerToken?: number;
}

export type ForwardSeconds = NonNullable<EmbeddingResult['seconds']>;

/** Embeds every batch `passes` times. @returns seconds */
export async function embedAll({ worker, part, layers, batches, clock }: Workload, passes = 1): Promise<number> {
  const options: EmbedOptions = { layers: [layers], pools: ['mean'] };
  const start = clock();
  for (let pass = 0; pass < passes; pass++) {
    const waiting = batches.values();
    const embedWaiting = async (): Promise<void> => {
      for (const batch of waiting) await worker.embed(part, batch, options);
    };
    // Two at a time: one job runs and one is ready.
    await Promise.all([embedWaiting(), embedWaiting()]);
  }
  return clock() - start;
}

/**
 * Times the model in repeats. Every half second, or before every batch that takes longer, measures its linear layers
 * alone, so that both see the machine in the same state. The caller must have warmed the model up.
 * @param passSeconds seconds that embedding everything once took
 * @param repeats number of repeats; undefined: as many as take 10 seconds in total, at least 3
 */
export async function measureSpeed(
  workload: Workload,
  passSeconds: number,
  repeats: number | undefined,
): Promise<Speed> {
  const { clock, hasLimit } = workload;
  const passes = runsFor(SECONDS_A_GROUP, passSeconds);
  const groups = groupsOf(workload, passSeconds);
  const limit = hasLimit ? await LinearLayers.of(workload) : undefined;
  const samples: SpeedSample[] = [];
  const start = clock();
  const isDone = (): boolean =>
    samples.length >= (repeats ?? MIN_REPEATS) && (repeats !== undefined || clock() - start >= SECONDS);
  while (!isDone()) samples.push(await measureOnce(groups, passes, limit));
  return { samples, passes, ...(limit && { operationsPerToken: limit.operationsPerToken }) };
}

async function measureOnce(
  groups: readonly Workload[],
  passes: number,
  limit: LinearLayers | undefined,
): Promise<SpeedSample> {
  let [tokens, seconds, linearSeconds] = [0, 0, 0];
  for (const group of groups) {
    const tokensOfGroup = passes * group.batches.reduce((sum, batch) => sum + batch.tokens.length, 0);
    tokens += tokensOfGroup;
    if (limit) linearSeconds += tokensOfGroup * (await limit.secondsPerToken());
    seconds += await embedAll(group, passes);
  }
  const tokensPerSecond = tokens / seconds;
  return { tokensPerSecond, ...(limit && { limit: (tokens * limit.operationsPerToken) / linearSeconds }) };
}

/** Divides the batches into groups of about SECONDS_A_GROUP each. */
function groupsOf(workload: Workload, passSeconds: number): Workload[] {
  const { batches } = workload;
  const count = Math.min(batches.length, Math.max(1, Math.floor(passSeconds / SECONDS_A_GROUP)));
  const start = (group: number): number => Math.floor((group * batches.length) / count);
  return Array.from({ length: count }, (_, group) => ({
    ...workload,
    batches: batches.slice(start(group), start(group + 1)),
  }));
}

/** Times the parts of a forward pass of the largest batch: of several passes, the one with the median total. */
export async function measureForward(workload: Workload): Promise<ForwardSeconds | undefined> {
  const { worker, part, layers, batches, clock } = workload;
  const batch = largest(batches);
  const measured: ForwardSeconds[] = [];
  const start = clock();
  do {
    const { seconds } = await worker.embed(part, batch, { layers: [layers], pools: ['mean'], measure: true });
    if (!seconds) return undefined;
    measured.push(seconds);
  } while (clock() - start < SECONDS_BESIDE);
  measured.sort((one, other) => one.total - other.total);
  return measured[measured.length >> 1];
}

/** The batch with the most tokens. */
export function largest(batches: readonly PackedTokens[]): PackedTokens {
  return batches.reduce((most, batch) => (batch.tokens.length > most.tokens.length ? batch : most));
}

function runsFor(seconds: number, secondsOfOne: number): number {
  return Math.min(MAX_RUNS, Math.max(1, Math.ceil(seconds / Math.max(secondsOfOne, Number.MIN_VALUE))));
}

/** The linear layers alone, with as many rows as the largest batch has tokens. */
class LinearLayers {
  readonly operationsPerToken: number;
  readonly #workload: Workload;
  readonly #rows: number;
  readonly #runs: number;

  private constructor(workload: Workload, rows: number, first: { seconds: number; operations: number }) {
    this.#workload = workload;
    this.#rows = rows;
    this.#runs = runsFor(SECONDS_BESIDE, first.seconds);
    this.operationsPerToken = first.operations / rows;
  }

  /** The first measurement is a warm-up. */
  static async of(workload: Workload): Promise<LinearLayers> {
    const rows = Math.min(MAX_ROWS, largest(workload.batches).tokens.length);
    return new LinearLayers(workload, rows, await workload.worker.measureLinear(workload.part, rows));
  }

  async secondsPerToken(): Promise<number> {
    const { worker, part } = this.#workload;
    let seconds = 0;
    for (let run = 0; run < this.#runs; run++) seconds += (await worker.measureLinear(part, this.#rows)).seconds;
    return seconds / (this.#runs * this.#rows);
  }
}

/** Use of a device's memory. */
export interface PeakMemory {
  /** Bytes once the model was loaded, before its first batch. */
  readonly loaded: number;
  /** Peak bytes since then. */
  readonly peak: number;
  /** Whether the peak may stem from loading, because it could not be reset. */
  readonly includesLoading: boolean;
}

/** Watches the memory of one device: of this process on the CPU, of libtorch on a GPU. */
export interface MemoryWatch {
  /** The figures so far. */
  read(): PeakMemory;
}

/** Begins to watch. To be called once the model is loaded. */
export function watchMemory(device: string, worker: Pick<NativeWorker, 'memory'>): MemoryWatch {
  return device === 'cpu' ? new ResidentMemory() : new DeviceMemory(worker);
}

/** The resident size of this process; the kernel tracks its peak. */
class ResidentMemory implements MemoryWatch {
  readonly #loaded: number;
  readonly #isReset: boolean;

  constructor() {
    let isReset = false;
    try {
      // Resets the peak, see proc(5).
      writeFileSync('/proc/self/clear_refs', '5');
      isReset = true;
    } catch {
      // `includesLoading` reports it.
    }
    this.#isReset = isReset;
    this.#loaded = statusBytes('VmRSS');
  }

  read(): PeakMemory {
    return { loaded: this.#loaded, peak: statusBytes('VmHWM'), includesLoading: !this.#isReset };
  }
}

function statusBytes(field: string): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'latin1'));
  return Number(kilobytes?.[1]) * 1024;
}

/** Memory that libtorch has reserved on a GPU, in use or kept for later tensors. */
class DeviceMemory implements MemoryWatch {
  readonly #worker: Pick<NativeWorker, 'memory'>;
  readonly #loaded: number;

  constructor(worker: Pick<NativeWorker, 'memory'>) {
    this.#worker = worker;
    this.#loaded = worker.memory().reserved;
  }

  read(): PeakMemory {
    return { loaded: this.#loaded, peak: this.#worker.memory().peakReserved, includesLoading: true };
  }
}
