import type { WorkerUsage } from '../engine/pool/pool-worker.js';
import type { ErrorCode, VirnucproError } from '../errors.js';
import { InputProgress } from '../input/input-progress.js';
import type { ReadInput } from '../input/input-progress.js';
import type { SequenceRecord } from '../input/record.js';
import { RepeatedIds } from '../input/repeated-ids.js';
import { ComputedInput } from './computed-input.js';
import { letterWarnings } from './letter-warnings.js';
import type { PredictionResult } from './results.js';
import { noCounts } from './run-counts.js';
import { TriageSummary } from './triage-summary.js';

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
  /** Why the run ended before the end of its input; undefined when it did not. */
  stopped: VirnucproError | undefined;
  /** Frames that the devices are through with, whether they have a score or failed; and those of them that failed. */
  framesDone = 0;
  framesFailed = 0;
  /** Frames whose scores an earlier run had computed: they are among `framesDone`. */
  framesJournaled = 0;
  /** Frames of windows that triage has decided: they are among `framesDone`, and no other model reads them. */
  framesSpared = 0;
  /** What triage has read; nothing in a run without. */
  readonly triage = new TriageSummary();
  readonly input = new InputProgress();
  readonly computed = new ComputedInput();
  /** What every device has done in this run: the workers of the models, then those of triage. */
  readonly devices: readonly WorkerUsage[];
  readonly #triageModel: string | undefined;
  readonly #ids = new RepeatedIds();

  /** @param triageModel the name of the model that triage is done by, if it is */
  constructor(devices: readonly WorkerUsage[], triageModel?: string) {
    this.devices = devices;
    this.#triageModel = triageModel;
  }

  /** Inputs read to their end. */
  get inputs(): readonly ReadInput[] {
    return this.input.finished;
  }

  /** What the user should know of the inputs, a sentence each: ids that come more than once, what was not read, … */
  get warnings(): readonly string[] {
    return [...this.#ids.warnings, ...this.input.warnings, ...letterWarnings(this.counts)];
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
    this.#ids.enter(record.id, record.source);
    this.computed.enterRecord(record);
    if (record.problem) this.counts.invalid++;
    else if (record.sequence.length === 0) this.counts.empty++;
    if (record.uracil > 0) this.counts.recordsWithUracil++;
    this.counts.uracil += record.uracil;
    if (record.gaps > 0) this.counts.recordsWithGaps++;
    this.counts.gaps += record.gaps;
  }

  /** For the pipeline: no more records come. */
  endRecords(): void {
    this.#ids.end();
  }

  /** For the pipeline: a window of the record that was read last; its end, from the record's start, and its kept frames. */
  enterWindow(end: number, kept: number): void {
    this.computed.enterWindow(end, kept);
    this.counts.framesFound += kept;
  }

  /** For the pipeline: a batch came back from the devices, with what failed in it. */
  enterOutcome(frames: number, failures: readonly BatchFailure[]): void {
    this.framesDone += frames;
    for (const failure of failures) {
      this.framesFailed += failure.frames;
      this.failures.push(failure);
    }
  }

  /** For the pipeline: an earlier run had computed a batch of so many frames. */
  enterJournaled(frames: number): void {
    this.framesDone += frames;
    this.framesJournaled += frames;
  }

  /** For the pipeline: triage has decided a window of so many frames, so many of them scored by an earlier run. */
  enterTriaged(frames: number, journaled: number): void {
    this.framesDone += frames;
    this.framesJournaled += journaled;
    this.framesSpared += frames;
  }

  /** For the pipeline: counts results as they leave. */
  *leaving(results: Iterable<PredictionResult>): Generator<PredictionResult> {
    for (const result of results) {
      if (result.kind === 'contig') {
        this.counts[COUNT_OF_VERDICT[result.verdict]]++;
      } else {
        this.counts.windows++;
        this.counts[COUNT_OF_STATUS[result.status]]++;
        this.counts.framesScored += result.frames.length;
        if (result.status === 'scored' && result.model === this.#triageModel) {
          this.counts.windowsTriaged++;
          this.counts.framesSpared += result.frames.length;
        }
      }
      yield result;
    }
  }
}
