import { VirnucproError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';

// Decides what follows a failure, without side effects and in no other place: for a batch and the device that it failed
// on, for a device that fails repeatedly, for the run, and for a device that does not open. The pool, `openWorkers` and
// the dispatcher carry the decisions out.

/** A batch, or a part of one, that a device returned without scores. */
export interface FailedBatch {
  /** The error that the device reported. */
  readonly code: ErrorCode;
  readonly frames: number;
  /** It has already failed on another device, and this was its only retry. */
  readonly wasRetried: boolean;
  /** Another device could take it. */
  readonly hasOthers: boolean;
  /** Its client had cancelled it. Without that, a device returns a batch because the pool asked for it. */
  readonly isCancelled: boolean;
  /** The device was removed from the run while it had the batch. */
  readonly isDeviceLost: boolean;
}

export type BatchStep =
  /** Its result is no longer wanted. */
  | 'drop'
  /** It was not at fault: it goes before new batches as if nothing had happened. */
  | 'requeue'
  /** Once more, on another device. */
  | 'retry'
  /** In two halves, to make it fit, or to isolate the faulty frame. */
  | 'split'
  /** Its frames get a reason instead of a score. */
  | 'fail';

export type DeviceStep =
  | 'keep'
  /** From now on it takes only smaller batches than this one. */
  | 'limit'
  /** It leaves the run. */
  | 'remove';

type Rule = readonly [when: (failed: FailedBatch) => boolean, batch: BatchStep, device: DeviceStep];

/** The first matching rule decides. */
const RULES: readonly Rule[] = [
  [({ code }) => code === 'VNP_CLOSED', 'drop', 'keep'],
  [({ code, isCancelled }) => code === 'VNP_ABORTED' && isCancelled, 'drop', 'keep'],
  [({ code }) => code === 'VNP_ABORTED', 'requeue', 'keep'],
  [({ code }) => code === 'VNP_DEVICE_LOST', 'requeue', 'remove'],
  // The batches of a lost device are not at fault, whatever else they fail with.
  [({ isDeviceLost }) => isDeviceLost, 'requeue', 'keep'],
  // Another device of the same kind has no more memory than this one.
  [({ code, frames }) => code === 'VNP_MEMORY' && frames > 1, 'split', 'limit'],
  [({ code }) => code === 'VNP_MEMORY', 'fail', 'keep'],
  // A second device distinguishes a bad device from a bad batch; a batch that fails there too is split.
  [({ wasRetried, hasOthers }) => !wasRetried && hasOthers, 'retry', 'keep'],
  [({ frames }) => frames > 1, 'split', 'keep'],
  [() => true, 'fail', 'keep'],
];

/** What happens to a failed batch and to the device that it failed on. */
export function afterFailure(failed: FailedBatch): { readonly batch: BatchStep; readonly device: DeviceStep } {
  const [, batch, device] = RULES.find(([when]) => when(failed))!;
  return { batch, device };
}

/** A device that failed on this many batches in a row which then succeeded on another device is removed. */
export const BLAMES_TO_REMOVE = 3;

/** After this many batches in a row without a single score the run ends: more would only waste time. */
export const UNSCORED_BATCHES_TO_STOP = 3;

/** Failures in a row. */
export class FailureStreak {
  readonly #limit: number;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One more batch; one that did not fail ends the streak. */
  add(hasFailed: boolean): void {
    this.#length = hasFailed ? this.#length + 1 : 0;
  }

  get hasReachedLimit(): boolean {
    return this.#length >= this.#limit;
  }
}

/**
 * The error that ends a run after UNSCORED_BATCHES_TO_STOP batches in a row without any result.
 * @param missing what they lack, in the plural
 * @param reason of the last one
 * @param advice what to do next
 */
export function failingRun(missing: string, reason: string, advice: string): VirnucproError {
  return new VirnucproError(
    'VNP_SYSTEMIC',
    `${UNSCORED_BATCHES_TO_STOP} batches in a row have no ${missing}; the last one: ${reason}. ${advice}`,
  );
}

/** What happens to unfinished batches when the pool ends: those of a closed pool are no longer wanted. */
export function whenPoolEnds(code: ErrorCode): Extract<BatchStep, 'drop' | 'fail'> {
  return code === 'VNP_CLOSED' ? 'drop' : 'fail';
}

/** Failures on opening that may be limited to one device. Any other would occur on every device. */
const FAILURES_OF_ONE_DEVICE: readonly ErrorCode[] = [
  'VNP_DEVICE',
  'VNP_DEVICE_LOST',
  'VNP_MEMORY',
  'VNP_NATIVE',
  'VNP_WRONG_NUMBERS',
];

/**
 * Whether the devices that did not open may be left out.
 * @param codes the error code of each of them
 */
export function mayBeLeftOut(codes: readonly ErrorCode[]): boolean {
  return codes.every((code) => FAILURES_OF_ONE_DEVICE.includes(code));
}
