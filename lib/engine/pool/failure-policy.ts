import type { ErrorCode } from '../../errors.js';

// What follows a failure is decided here and nowhere else, without side effects: for a batch and the device that it failed
// on, for a device that fails again and again, for the run, and for a device that does not open. The pool, `openWorkers`
// and the dispatcher carry it out.

/** A batch, or a part of one, that a device gave back without scores. */
export interface FailedBatch {
  /** What the device reported. */
  readonly code: ErrorCode;
  readonly frames: number;
  /** It failed on another device before. */
  readonly wasRetried: boolean;
  /** Another device could take it. */
  readonly hasOthers: boolean;
  /** The pool had asked the device to hand back what waits there. */
  readonly isReclaimed: boolean;
  /** The device was taken out while it had the batch. */
  readonly isDeviceLost: boolean;
}

export type BatchStep =
  /** Nobody waits for it any more. */
  | 'drop'
  /** It was not at fault: it goes to the front of the queue as if nothing had happened. */
  | 'requeue'
  /** Once more, on another device. */
  | 'retry'
  /** In two halves, to make it fit, or to find the frame that is at fault. */
  | 'split'
  /** Its frames stay without a score, with a reason. */
  | 'fail';

export type DeviceStep =
  | 'keep'
  /** It takes no batch as large as this one any more. */
  | 'limit'
  /** It is out of the run. */
  | 'remove';

type Rule = readonly [when: (failed: FailedBatch) => boolean, batch: BatchStep, device: DeviceStep];

/** The first rule that holds decides. */
const RULES: readonly Rule[] = [
  [({ code }) => code === 'VNP_CLOSED', 'drop', 'keep'],
  [({ code, isReclaimed }) => code === 'VNP_ABORTED' && isReclaimed, 'requeue', 'keep'],
  [({ code }) => code === 'VNP_ABORTED', 'drop', 'keep'],
  [({ code }) => code === 'VNP_DEVICE_LOST', 'requeue', 'remove'],
  // Whatever else the batches of a lost device fail with, they are not at fault.
  [({ isDeviceLost }) => isDeviceLost, 'requeue', 'keep'],
  // Another device of the same kind has no more memory than this one.
  [({ code, frames }) => code === 'VNP_MEMORY' && frames > 1, 'split', 'limit'],
  [({ code }) => code === 'VNP_MEMORY', 'fail', 'keep'],
  // A second device tells a bad device from a bad batch.
  [({ wasRetried, hasOthers }) => !wasRetried && hasOthers, 'retry', 'keep'],
  [({ frames }) => frames > 1, 'split', 'keep'],
  [() => true, 'fail', 'keep'],
];

/** What becomes of a failed batch and of the device that it failed on. */
export function afterFailure(failed: FailedBatch): { readonly batch: BatchStep; readonly device: DeviceStep } {
  const [, batch, device] = RULES.find(([when]) => when(failed))!;
  return { batch, device };
}

/** Batches in a row that failed on a device and went well on another, after which the device is taken out. */
export const MAX_BLAMES = 3;

/** Blames in a row: one more for each batch that another device scored, none after a batch that this one scored. */
export function blamesAfter(blames: number, scoredBy: 'this' | 'another'): number {
  return scoredBy === 'another' ? blames + 1 : 0;
}

/** Whether a device with so many blames in a row leaves the run. */
export function isToBeRemoved(blames: number): boolean {
  return blames >= MAX_BLAMES;
}

/** Batches in a row without a single score, after which the run ends: more of them would only cost time. */
export const MAX_UNSCORED_BATCHES = 3;

/** Batches without a single score in a row, after one more batch with so many frames of which so many failed. */
export function unscoredAfter(unscored: number, { frames, failed }: { frames: number; failed: number }): number {
  return failed === frames ? unscored + 1 : 0;
}

/** Whether the run ends after so many batches in a row without a single score. */
export function isToEnd(unscored: number): boolean {
  return unscored >= MAX_UNSCORED_BATCHES;
}

/** What becomes of the batches that wait when the pool ends: nobody waits for those of a closed pool. */
export function whenPoolEnds(code: ErrorCode): Extract<BatchStep, 'drop' | 'fail'> {
  return code === 'VNP_CLOSED' ? 'drop' : 'fail';
}

/** What a device can fail with when it is opened that another may open without. Anything else would fail on every one. */
const FAILURES_OF_ONE_DEVICE: readonly ErrorCode[] = [
  'VNP_DEVICE',
  'VNP_DEVICE_LOST',
  'VNP_MEMORY',
  'VNP_NATIVE',
  'VNP_WRONG_NUMBERS',
];

/**
 * Whether the devices that did not open may be left out.
 * @param codes what each of them failed with
 */
export function mayBeLeftOut(codes: readonly ErrorCode[]): boolean {
  return codes.every((code) => FAILURES_OF_ONE_DEVICE.includes(code));
}
