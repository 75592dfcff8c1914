import { VirnucproError } from '../errors.js';

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
 * The classic windows of a record: as few as cover it, all of `chunkSize` letters but perhaps the last, the overlap dealt
 * out evenly. The last ends at the end of the record.
 * @param length letters of the record; 0 has no windows
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
  // The overlaps of `overlap` letters fall short of the surplus by this much: the first ones get one letter more each.
  const longerOverlaps = surplus - overlap * (count - 1);
  for (let index = 0; index < count; index++) {
    const start = index * (chunkSize - overlap) - Math.min(index, longerOverlaps);
    yield { number: index + 1, start, length: Math.min(chunkSize, length - start) };
  }
}
