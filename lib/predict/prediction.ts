import { expected, typeOf, VirnucproError } from '../errors.js';
import { flattened } from '../input/flattened.js';
import type {
  ContigResult,
  PredictionResult,
  StoredContigResult,
  StoredResult,
  WindowResult,
} from '../scoring/results.js';
import type { PlannedOnDevices, RunPlan } from './plan.js';
import type { Run } from './run.js';
import type { RunStatus } from './run-status.js';
import type { RunSummary } from './summary.js';

/**
 * One run over some inputs. Iterate it once; other runs may be in progress. `summary` is always up to date, and final
 * afterwards. A second iteration throws VNP_ARGUMENT.
 *
 * @typeParam R type of the caller's own records: undefined in a run over files or a stream
 */
export interface Prediction<R = unknown> extends AsyncIterable<PredictionResult<R>> {
  /** What the run has done so far; final after the iteration. */
  readonly summary: RunSummary;
  /**
   * Everything that decides its results. Checks the inputs first, unless `predict` was given a plan.
   * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT; the signal's reason
   */
  plan(): Promise<PlannedOnDevices<RunPlan>>;
  /** Seconds that loading the model took. */
  readonly loadSeconds: number;
  /** Scores are softmax(logits / temperature): 1 unless they are calibrated. */
  readonly temperature: number;
  /**
   * Letters [start, end) of a contig as read, without white space, gaps and other non-letters, one byte each: possible
   * only until the next result is asked for, because letters are not kept. Defaults to all.
   * @throws VirnucproError VNP_CLOSED if the contig is not that of the last result, or was longer than maxRecordLength;
   *   VNP_ARGUMENT for a range outside of it
   */
  readSequence(contig: ContigResult, start?: number, end?: number): Uint8Array;
  /** How far the run is, and what every device is doing. */
  status(): RunStatus;
  /** Emits at once the events that are otherwise emitted at the progress interval. */
  emitProgress(): void;
  /** The devices finish what they are computing; nothing else starts until `resume`. */
  pause(): void;
  /** Ends a pause. */
  resume(): void;
}

/** A prediction, and its results as the result files need them. */
export class RunPrediction<R> implements Prediction<R> {
  readonly loadSeconds: number;
  readonly #run: Run;
  readonly #groups: AsyncGenerator<Iterable<StoredResult>>;
  #isIterated = false;
  #last: { readonly plain: ContigResult; readonly stored: StoredContigResult } | undefined;

  /** @param groups the results of the run, once */
  constructor(run: Run, groups: AsyncGenerator<Iterable<StoredResult>>, loadSeconds: number) {
    this.#run = run;
    this.#groups = groups;
    this.loadSeconds = loadSeconds;
  }

  get summary(): RunSummary {
    return this.#run.summary;
  }

  get temperature(): number {
    return this.#run.temperature;
  }

  plan(): Promise<PlannedOnDevices<RunPlan>> {
    return this.#run.plan();
  }

  status(): RunStatus {
    return this.#run.monitor.status();
  }

  emitProgress(): void {
    this.#run.monitor.emitProgress();
  }

  pause(): void {
    this.#run.control.pause();
  }

  resume(): void {
    this.#run.control.resume();
  }

  [Symbol.asyncIterator](): AsyncIterator<PredictionResult<R>, undefined> {
    this.#begin();
    return flattened(this.#plainGroups());
  }

  /** The results with the sequences of contigs, in place of the iteration. */
  storedResults(): AsyncIterable<StoredResult> {
    this.#begin();
    return flattened(this.#groups);
  }

  readSequence(contig: ContigResult, start = 0, end = contig.length): Uint8Array {
    if (this.#last?.plain === contig) return this.#last.stored.sequence.read(start, end);
    const message = 'The letters of a contig can be read only until the next result is asked for: read them before';
    throw new VirnucproError('VNP_CLOSED', message);
  }

  #begin(): void {
    if (this.#isIterated) {
      const next = 'Call predict again for another run';
      throw expected('VNP_ARGUMENT', 'one iteration', 'a prediction', 'a second one', next);
    }
    this.#isIterated = true;
  }

  async *#plainGroups(): AsyncGenerator<Iterable<PredictionResult<R>>> {
    try {
      for await (const group of this.#groups) yield this.#plain(group);
    } finally {
      this.#last = undefined;
    }
  }

  /** The caller's records are those that the run was given. */
  *#plain(group: Iterable<StoredResult>): Generator<PredictionResult<R>> {
    for (const stored of group) {
      if (stored.kind === 'window') {
        yield stored as WindowResult<R>;
        continue;
      }
      const { sequence: _, ...plain } = stored;
      this.#last = { plain, stored };
      yield plain as ContigResult<R>;
    }
  }
}

/**
 * The results of a prediction with the sequences of contigs, in place of its iteration.
 * @throws VirnucproError VNP_ARGUMENT if it was iterated before, or `predict` did not return it
 */
export function storedResultsOf(prediction: Prediction): AsyncIterable<StoredResult> {
  checkPrediction(prediction);
  return prediction.storedResults();
}

/** @throws VirnucproError VNP_ARGUMENT unless `predict` returned it */
export function checkPrediction(prediction: Prediction): asserts prediction is RunPrediction<unknown> {
  if (prediction instanceof RunPrediction) return;
  throw expected('VNP_ARGUMENT', 'what predict returned', 'the prediction', typeOf(prediction));
}
