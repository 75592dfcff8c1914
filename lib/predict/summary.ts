import type { WorkerUsage } from '../engine/pool/worker-usage.js';
import { counted } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import { InputProgress } from '../input/input-progress.js';
import type { ReadInput } from '../input/input-progress.js';
import type { SequenceRecord } from '../input/record.js';
import { RepeatedIds } from '../input/repeated-ids.js';
import type { BatchFailure } from './batch-failures.js';
import { ComputedInput } from './computed-input.js';
import type { PredictionResult } from '../scoring/results.js';
import { noCounts } from './run-counts.js';
import type { RunCounts } from './run-counts.js';

const COUNT_OF_STATUS = { scored: 'windowsScored', no_frame: 'windowsNoFrame', failed: 'windowsFailed' } as const;
const COUNT_OF_VERDICT = { virus: 'contigsVirus', other: 'contigsOther', none: 'contigsNone' } as const;

/** The batches that one model has scored so far. */
export interface ScoredBatches {
  /** Frames that are done, whether scored or failed. */
  readonly framesDone: number;
  /** Those of them that failed. */
  readonly framesFailed: number;
  /** Frames whose scores an earlier run computed; included in `framesDone`. */
  readonly framesJournaled: number;
  /** What failed, in the order in which it happened. */
  readonly failures: readonly BatchFailure[];
}

/** What a run has done so far; final when its last result has been yielded. */
export interface RunSummary extends ScoredBatches {
  /** Records, windows, frames and contigs by what became of them. */
  readonly counts: Readonly<RunCounts>;
  /** Seconds spent waiting. */
  readonly seconds: {
    /** For input. */
    readonly reading: number;
    /** For devices. */
    readonly waiting: number;
  };
  /** Why the run ended before the end of its input; undefined if it did not. */
  readonly stopped: VirnucproError | undefined;
  /** Frames in windows that triage decided: included in `framesDone`, and read by no other model. */
  readonly framesSpared: number;
  /** What triage has read; empty without triage. Its failures cost no result: the windows went to the run's model. */
  readonly triage: ScoredBatches;
  /** What every worker has done in this run: those of the run's model, then those of triage. */
  readonly devices: readonly WorkerUsage[];
  /** Inputs read to their end. */
  readonly inputs: readonly ReadInput[];
  /** What the user should know about the inputs, one sentence each: repeated ids, what was not read, … */
  readonly warnings: readonly string[];
}

export class MutableScoredBatches implements ScoredBatches {
  framesDone = 0;
  framesFailed = 0;
  framesJournaled = 0;
  readonly failures: BatchFailure[] = [];

  /** A batch came back from the devices, with what failed in it. */
  enterOutcome(frames: number, failures: readonly BatchFailure[]): void {
    this.framesDone += frames;
    for (const failure of failures) {
      this.framesFailed += failure.frames;
      this.failures.push(failure);
    }
  }

  /** An earlier run computed a batch of this many frames. */
  enterJournaled(frames: number): void {
    this.framesDone += frames;
    this.framesJournaled += frames;
  }
}

/** The summary while the run adds to it. */
export class MutableRunSummary extends MutableScoredBatches implements RunSummary {
  readonly counts = noCounts();
  readonly seconds = { reading: 0, waiting: 0 };
  stopped: VirnucproError | undefined;
  framesSpared = 0;
  readonly triage = new MutableScoredBatches();
  readonly input = new InputProgress();
  readonly computed = new ComputedInput();
  readonly devices: readonly WorkerUsage[];
  readonly #triageModel: string | undefined;
  readonly #ids = new RepeatedIds();

  /** @param triageModel name of the model that does triage, if any */
  constructor(devices: readonly WorkerUsage[], triageModel?: string) {
    super();
    this.devices = devices;
    this.#triageModel = triageModel;
  }

  get inputs(): readonly ReadInput[] {
    return this.input.finished;
  }

  get warnings(): readonly string[] {
    return [...this.#ids.warnings, ...this.input.warnings, ...letterWarnings(this.counts)];
  }

  /** Adds the time that `work` takes to one of `seconds`. */
  async timed<T>(stage: keyof RunSummary['seconds'], work: Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work;
    } finally {
      this.seconds[stage] += (performance.now() - start) / 1000;
    }
  }

  /** A record was read. */
  enterRecord(record: SequenceRecord): void {
    this.counts.records++;
    this.#ids.enter(record.id, record.source);
    this.computed.enterRecord(record);
    if (record.problem) this.counts.invalid++;
    else if (record.sequence.length === 0) this.counts.empty++;
    if (record.uracil > 0) this.counts.recordsWithUracil++;
    this.counts.uracil += record.uracil;
    if (record.gaps > 0) this.counts.recordsWithGaps++;
    this.counts.gaps += record.gaps;
  }

  /** There are no more records. */
  endRecords(): void {
    this.#ids.end();
  }

  /** A window of the record read last; its end, from the record's start, and its number of ORFs. */
  enterWindow(end: number, orfs: number): void {
    this.computed.enterWindow(end, orfs);
    this.counts.framesFound += orfs;
  }

  /** Triage decided a window of this many frames, `journaled` of them scored by an earlier run. */
  enterTriaged(frames: number, journaled: number): void {
    this.framesDone += frames;
    this.framesJournaled += journaled;
    this.framesSpared += frames;
  }

  /** A result is yielded. */
  countResult(result: PredictionResult): void {
    const { counts } = this;
    if (result.kind === 'contig') {
      counts[COUNT_OF_VERDICT[result.verdict]]++;
      return;
    }
    counts.windows++;
    counts[COUNT_OF_STATUS[result.status]]++;
    counts.framesScored += result.frames.length;
    if (result.status === 'scored' && result.model === this.#triageModel) {
      counts.windowsTriaged++;
      counts.framesSpared += result.frames.length;
    }
  }
}

/** What the user should know about the letters of a run's records, one sentence each. */
function letterWarnings({ uracil, recordsWithUracil, gaps, recordsWithGaps }: RunCounts): string[] {
  const warnings: string[] = [];
  if (uracil > 0) {
    const where = `${counted(uracil, 'letter')} U in ${counted(recordsWithUracil, 'record')}`;
    warnings.push(`${where} ${uracil === 1 ? 'was' : 'were'} read as T`);
  }
  if (gaps > 0) {
    const where = `${counted(gaps, 'gap character')} (- and .) in ${counted(recordsWithGaps, 'record')}`;
    warnings.push(`${where} ${gaps === 1 ? 'was' : 'were'} left out. Positions do not count them`);
  }
  return warnings;
}
