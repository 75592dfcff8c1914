import type { WorkerUsage } from '../engine/pool.js';
import type { ErrorCode } from '../errors.js';
import { InputProgress } from '../input/progress.js';
import type { ReadInput } from '../input/progress.js';
import type { SequenceRecord } from '../input/record.js';
import type { PredictionResult } from './results.js';
import { noCounts } from './run-counts.js';

/** What failed: a language model, the classifier, or the batch before it came to any of them. */
export type FailedPart = 'dna' | 'protein' | 'classifier' | 'batch';

/** A batch that the engine could not score, or not all of it. */
export interface BatchFailure {
  readonly part: FailedPart;
  readonly code: ErrorCode;
  readonly reason: string;
  /** Frames without a score because of it. */
  readonly frames: number;
  /** The inputs that these frames come from. */
  readonly sources: readonly string[];
}

const COUNT_OF_STATUS = { scored: 'windowsScored', no_frame: 'windowsNoFrame', failed: 'windowsFailed' } as const;
const COUNT_OF_VERDICT = { virus: 'contigsVirus', other: 'contigsOther', none: 'contigsNone' } as const;

/** What a run has done so far; final when its last result has left. */
export class RunSummary {
  readonly counts = noCounts();
  readonly failures: BatchFailure[] = [];
  /** Seconds in which the run waited for input, and for a device to have room. */
  readonly seconds = { reading: 0, waiting: 0 };
  readonly input = new InputProgress();
  /** What every device has done in this run. */
  readonly devices: readonly WorkerUsage[];
  #letters = 0;
  #lettersOfContigs = 0;
  #lettersOfWindows = 0;

  constructor(devices: readonly WorkerUsage[]) {
    this.devices = devices;
  }

  /** Inputs read to their end. */
  get inputs(): readonly ReadInput[] {
    return this.input.finished;
  }

  /** Letters of all records read so far. */
  get letters(): number {
    return this.#letters;
  }

  /** Letters whose results have left. */
  get lettersDone(): number {
    return this.#lettersOfContigs + this.#lettersOfWindows;
  }

  /** For the pipeline: adds the time that something takes to one of `seconds`. */
  async timed<T>(stage: keyof RunSummary['seconds'], work: Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work;
    } finally {
      this.seconds[stage] += (performance.now() - start) / 1000;
    }
  }

  /** For the pipeline: a record was read. */
  enterRecord(record: SequenceRecord): void {
    this.counts.records++;
    this.#letters += record.sequence.length;
    if (record.sequence.length === 0) this.counts.empty++;
  }

  /** For the pipeline: a window's kept frames. */
  enterFrames(kept: number): void {
    this.counts.framesKept += kept;
  }

  /** For the pipeline: counts results as they leave. */
  *leaving(results: Iterable<PredictionResult>): Generator<PredictionResult> {
    for (const result of results) {
      if (result.kind === 'contig') {
        this.counts[COUNT_OF_VERDICT[result.verdict]]++;
        this.#lettersOfContigs += result.length;
        this.#lettersOfWindows = 0;
      } else {
        this.counts.windows++;
        this.counts[COUNT_OF_STATUS[result.status]]++;
        this.counts.framesScored += result.frames.length;
        this.#lettersOfWindows = result.end;
      }
      yield result;
    }
  }
}
