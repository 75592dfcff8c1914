import { VirnucproError } from '../errors.js';
import type { StoredSequence } from './record.js';

/** @throws VirnucproError VNP_CLOSED after a release, VNP_ARGUMENT for a range outside [0, length] */
export function checkRange(start: number, end: number, length: number, open: boolean): void {
  if (!open) throw new VirnucproError('VNP_CLOSED', 'Expected a sequence to read but received one that was released');
  if (!(start >= 0 && start <= end && end <= length)) {
    const message = `Expected a range within the ${length} letters of a sequence but received [${start}, ${end})`;
    throw new VirnucproError('VNP_ARGUMENT', message);
  }
}

/** A sequence whose letters are in memory; what it reads are views, no copies. */
export class MemorySequence implements StoredSequence {
  readonly length: number;
  #letters: Uint8Array | undefined;

  constructor(letters: Uint8Array) {
    this.length = letters.length;
    this.#letters = letters;
  }

  read(start: number, end: number): Uint8Array {
    checkRange(start, end, this.length, this.#letters !== undefined);
    return this.#letters!.subarray(start, end);
  }

  release(): void {
    this.#letters = undefined;
  }
}
