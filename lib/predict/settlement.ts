import type { FrameBatch } from '../batches/frame-batcher.js';
import { failingRun, FailureStreak, UNSCORED_BATCHES_TO_STOP } from '../engine/pool/failure-policy.js';
import type { BatchOutcome } from '../engine/pool/scoring-work.js';
import type { BatchFailure } from './batch-failures.js';
import type { RunControl } from './run-control.js';
import type { MutableScoredBatches } from './summary.js';

/** What to do when batch after batch fails. */
const ADVICE = 'Check the model and the devices with `virnucpro doctor`, then resume the run';

/** Takes the outcomes of batches. */
export interface OutcomeSink {
  /** Where the frame with this tag is in the input, in words; only while the frame is unsettled. */
  placeOf(tag: number): string;
  /**
   * Enters the outcome of a batch.
   * @param isJournaled whether an earlier run computed it
   * @returns its failures, one for each reason
   */
  settle(batch: SettledBatch, outcome: BatchOutcome, isJournaled: boolean): readonly BatchFailure[];
}

export type SettledBatch = Pick<FrameBatch, 'tags'>;

export interface SettlementOptions {
  readonly outcomes: OutcomeSink;
  /** Where batches are counted: the summary itself, or its part about triage. */
  readonly counts: MutableScoredBatches;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** What the error after too many batches without a score says is missing. Default `scores`. */
  readonly missing?: string;
}

/** Enters and counts what comes back from the devices; ends the run when it is batch after batch without a score. */
export class Settlement {
  readonly #options: SettlementOptions;
  /** Batches without a single score. */
  readonly #unscored = new FailureStreak(UNSCORED_BATCHES_TO_STOP);

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  /** @returns whether every frame has a score */
  enter(batch: SettledBatch, outcome: BatchOutcome): boolean {
    const { control, outcomes, counts, onFailure } = this.#options;
    control.noteWork();
    const failures = outcomes.settle(batch, outcome, false);
    counts.enterOutcome(batch.tags.length, failures);
    for (const failure of failures) onFailure(failure);
    const failed = failures.reduce((sum, { frames }) => sum + frames, 0);
    this.#unscored.add(failed === batch.tags.length);
    if (this.#unscored.hasReachedLimit) this.#stopForGood(failures.at(-1)!);
    return failures.length === 0;
  }

  #stopForGood({ reason }: BatchFailure): void {
    const { control, missing = 'scores' } = this.#options;
    control.stop(failingRun(missing, reason, ADVICE));
  }
}
