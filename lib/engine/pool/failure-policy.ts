import type { ErrorCode } from '../../errors.js';

/** What a batch that failed on a device is, as far as the next step depends on it. */
export interface FailedAttempt {
  readonly code: ErrorCode;
  readonly frames: number;
  /** Whether it failed on another device before. */
  readonly wasRetried: boolean;
  /** Whether another device could take it. */
  readonly hasOthers: boolean;
}

export type NextStep =
  /** The device is gone: the batch was not at fault, and goes to whoever is left as if nothing had happened. */
  | 'reassign'
  /** Once on another device, to tell a bad device from a bad batch. */
  | 'retry'
  /** In two halves, to make it fit, or to find the frame that is at fault. */
  | 'split'
  /** The frame stays without a score, with a reason. */
  | 'fail'
  /** Nobody waits for it any more. */
  | 'drop';

/** The one place that says what becomes of a batch that failed. */
export function nextStep({ code, frames, wasRetried, hasOthers }: FailedAttempt): NextStep {
  if (code === 'VNP_ABORTED' || code === 'VNP_CLOSED') return 'drop';
  if (code === 'VNP_DEVICE_LOST') return 'reassign';
  // Another device of the same kind has no more memory than this one.
  if (code !== 'VNP_MEMORY' && !wasRetried && hasOthers) return 'retry';
  return frames > 1 ? 'split' : 'fail';
}
