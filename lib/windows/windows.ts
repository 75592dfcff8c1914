import { VirnucproError } from '../errors.js';
import type { SequenceRecord } from '../input/record.js';

/** One window ("chunk" in the classic tool) of a record. */
export interface SequenceWindow {
  /** From 1 within its record; the classic id is `{record id}_chunk_{number}`. */
  readonly number: number;
  /** First letter, from 0. */
  readonly start: number;
  /** The letters, case preserved, T for U. */
  readonly letters: Uint8Array;
}

/** The classic id of a window. */
export function windowId(recordId: string, number: number): string {
  return `${recordId}_chunk_${number}`;
}

/** Where one window lies in its record. */
export interface WindowSpan {
  /** From 1 within the record. */
  readonly number: number;
  /** First letter, from 0. */
  readonly start: number;
  /** Letters. */
  readonly length: number;
}

/**
 * The classic windows of a record: the fewest that cover it, with the overlap spread evenly. All have `chunkSize`
 * letters except perhaps the last, which ends with the record.
 * @param length letters of the record; 0 gives no windows
 * @param chunkSize letters of a window, at least 1
 * @throws VirnucproError VNP_ARGUMENT
 */
export function* windowsOf(length: number, chunkSize: number): Generator<WindowSpan, void, undefined> {
  if (!Number.isSafeInteger(length) || length < 0 || !Number.isSafeInteger(chunkSize) || chunkSize < 1) {
    const message = `Expected whole numbers for a length >= 0 and a window >= 1 but received ${length} and ${chunkSize}`;
    throw new VirnucproError('VNP_ARGUMENT', message);
  }
  const count = Math.ceil(length / chunkSize);
  const surplus = count * chunkSize - length;
  const overlap = Math.floor(surplus / count);
  // Overlaps of `overlap` letters fall short of the surplus by this much: each of the first ones gets one more letter.
  const longerOverlaps = surplus - overlap * (count - 1);
  for (let index = 0; index < count; index++) {
    const start = index * (chunkSize - overlap) - Math.min(index, longerOverlaps);
    yield { number: index + 1, start, length: Math.min(chunkSize, length - start) };
  }
}

/** Maps U to T, every other byte to itself. */
const WITH_THYMINE = Uint8Array.from({ length: 256 }, (_, byte) => byte);
WITH_THYMINE['U'.charCodeAt(0)] = 'T'.charCodeAt(0);
WITH_THYMINE['u'.charCodeAt(0)] = 't'.charCodeAt(0);

/**
 * Reads the windows of a record one by one, with T for U.
 * @param record only its sequence is read; it is not released
 * @param chunkSize letters of a window, at least 1
 */
export function* readWindows(
  record: Pick<SequenceRecord, 'sequence' | 'uracil'>,
  chunkSize: number,
): Generator<SequenceWindow, void, undefined> {
  const { sequence, uracil } = record;
  for (const { number, start, length } of windowsOf(sequence.length, chunkSize)) {
    const letters = sequence.read(start, start + length);
    yield { number, start, letters: uracil > 0 ? letters.map((letter) => WITH_THYMINE[letter]!) : letters };
  }
}
