import type { ErrorCode } from '../../errors.js';
import type { WorkerMessage } from '../addon.js';

/** Events of the pool. `device` is the id of a worker. */
export type PoolEvent =
  | DeviceLeftOutEvent
  | LoadingProgressEvent
  | WorkerMessageEvent
  | BatchSplitEvent
  | BatchRetriedEvent
  | DeviceLostEvent;

/** A GPU that exists is not used, although nobody excluded it. */
export interface DeviceLeftOutEvent {
  readonly event: 'device-left-out';
  /** Id of the device. */
  readonly device: string;
  readonly name: string;
  readonly reason: string;
}

/** At most one for every fifth of the weights. */
export interface LoadingProgressEvent {
  readonly event: 'loading-progress';
  readonly device: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** A log line that a worker sends unprompted. */
export interface WorkerMessageEvent {
  readonly event: 'worker-message';
  readonly device: string;
  readonly level: Extract<WorkerMessage, { kind: 'log' }>['level'];
  readonly text: string;
}

/** A batch failed and is retried in two halves. */
export interface BatchSplitEvent {
  readonly event: 'batch-split';
  readonly device: string;
  readonly frames: number;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** A batch failed and is retried once on another device. */
export interface BatchRetriedEvent {
  readonly event: 'batch-retried';
  /** Where it failed. */
  readonly device: string;
  readonly frames: number;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** A device stopped answering, or fails repeatedly; its work goes to the others. */
export interface DeviceLostEvent {
  readonly event: 'device-lost';
  readonly device: string;
  readonly reason: string;
  /** Ids of the remaining devices. */
  readonly left: readonly string[];
}
