import { markAsUntransferable } from 'node:worker_threads';

/**
 * An array of zeros that others are cut out of. No message can transfer its memory: that would empty every view into it,
 * also those that are still to be read.
 */
export function untransferableArray(length: number): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(length);
  markAsUntransferable(array.buffer);
  return array;
}
