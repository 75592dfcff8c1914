import type { SequenceRecord } from '../input/record.js';
import { windowsOf } from './layout.js';
import type { SequenceWindow } from './window.js';

/** RNA's letters in those of DNA. */
const WITH_THYMINE = Uint8Array.from({ length: 256 }, (_, byte) => byte);
WITH_THYMINE['U'.charCodeAt(0)] = 'T'.charCodeAt(0);
WITH_THYMINE['u'.charCodeAt(0)] = 't'.charCodeAt(0);

/**
 * The windows of a record, read one by one: U is T in them.
 * @param record only its sequence is used, and not released
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
