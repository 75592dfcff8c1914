import type { EmbeddingEvent } from '../embedding-runs/events.js';
import type { ErrorCode } from '../errors.js';
import type { RunCounts } from '../predict/run-counts.js';
import type { DeviceSummary } from '../predict/run-status.js';

/** Events of the commands, besides those of a prediction itself. */
export type CommandEvent =
  | EmbeddingEvent
  | RandomWeightsEvent
  | WaitingEvent
  | StoppingEvent
  | CompletingEvent
  | InterruptedEvent
  | ResumableEvent
  | CompleteAlreadyEvent
  | AbortedEvent
  | LimitEvent
  | WarningEvent
  | PausedEvent
  | ResumedEvent
  | DeviceSummaryEvent
  | FinishedEvent
  | FailedEvent;

/** The model has random weights, so its scores mean nothing. */
export interface RandomWeightsEvent {
  readonly event: 'random-weights';
  readonly model: string;
}

/** What the command waits for before the run. */
export interface WaitingEvent {
  readonly event: 'waiting';
  readonly reason: string;
}

/** The run has ended but is not complete, and can be resumed. */
export interface ResumableEvent {
  readonly event: 'resumable';
  /** The output directory as it was given. */
  readonly output: string;
}

/** `--resume` found the complete results of this very command. */
export interface CompleteAlreadyEvent {
  readonly event: 'complete-already';
  /** The output directory as it was given. */
  readonly output: string;
}

/** The first stopping signal, or the key that quits. Running batches are finished. */
export interface StoppingEvent {
  readonly event: 'stopping';
  readonly signal: string;
}

/** The same, when all results are complete and only need to be written. */
export interface CompletingEvent {
  readonly event: 'completing';
  readonly signal: string;
}

/** The run ended because of a signal. */
export interface InterruptedEvent {
  readonly event: 'interrupted';
  readonly signal: string;
  /** Directory of the finished results; null if there are none and nothing was written. */
  readonly output: string | null;
}

/** The run ended early because something failed for good; what was finished is kept. */
export interface AbortedEvent {
  readonly event: 'aborted';
  readonly code: ErrorCode;
  readonly reason: string;
}

/** The limit of the devices could not be measured; the results do not depend on it. */
export interface LimitEvent {
  readonly event: 'limit';
  /** Undefined for a failure without a code. */
  readonly code?: ErrorCode;
  readonly reason: string;
}

/** Something that readers of the results should know. */
export interface WarningEvent {
  readonly event: 'warning';
  readonly text: string;
}

export interface PausedEvent {
  readonly event: 'paused';
}

export interface ResumedEvent {
  readonly event: 'resumed';
}

/** What a worker did during the whole run. */
export interface DeviceSummaryEvent extends Pick<
  DeviceSummary,
  'batches' | 'frames' | 'tokens' | 'busySeconds' | 'tokensPerSecond' | 'matmulEfficiency'
> {
  readonly event: 'device-summary';
  readonly device: string;
  readonly isLost: boolean;
}

/** The results are written. */
export interface FinishedEvent {
  readonly event: 'finished';
  readonly counts: Readonly<RunCounts>;
  /** By stage; `total` is the whole command. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Name of the model behind the results. */
  readonly model: string;
  /** Path of its card; null if it has none. */
  readonly card: string | null;
  /** The output directory as it was given. */
  readonly output: string;
}

/** The command failed. */
export interface FailedEvent {
  readonly event: 'failed';
  readonly code: ErrorCode;
  readonly reason: string;
}
