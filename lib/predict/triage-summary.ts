import type { BatchFailure } from './summary.js';

/** What the triage of a run has done so far. */
export class TriageSummary {
  /** Frames that its model is through with, whether they have a score or failed; and those of them that failed. */
  framesDone = 0;
  framesFailed = 0;
  /** Frames whose scores an earlier run had computed: they are among `framesDone`. */
  framesJournaled = 0;
  /** What failed. It cost no result: the windows went to the models of the run. */
  readonly failures: BatchFailure[] = [];

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
}
