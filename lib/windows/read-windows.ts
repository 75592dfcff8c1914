import type { SequenceRecord } from '../input/record.js';
import { windowsOf } from './layout.js';
import type { SequenceWindow } from './window.js';

/**
 * The windows of a record, read one by one.
 * @param record only its sequence is used, and not released
 * @param chunkSize letters of a window, at least 1
 */
export function* readWindows(
  record: Pick<SequenceRecord, 'sequence'>,
  chunkSize: number,
): Generator<SequenceWindow, void, undefined> {
  const { sequence } = record;
  for (const { number, start, length } of windowsOf(sequence.length, chunkSize)) {
    yield { number, start, letters: sequence.read(start, start + length) };
  }
}
