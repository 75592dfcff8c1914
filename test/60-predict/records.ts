import { MemorySequence } from '../../lib/input/stored-sequence.js';
import type { SequenceRecord } from '../../lib/input/record.js';

export { FRAME_NAMES } from '../../lib/windows/open-reading-frames.js';

/** A record in memory. */
export function recordOf(header: string, letters: string, index = 0): SequenceRecord {
  const ambiguous = letters.replace(/[ACGTU]/gi, '').length;
  const id = header.split(' ')[0]!;
  const uracil = letters.replace(/[^U]/gi, '').length;
  const sequence = new MemorySequence(Buffer.from(letters));
  return { index, id, header, source: 'test.fa', ambiguous, uracil, gaps: 0, sequence };
}

export function isReleased({ sequence }: SequenceRecord): boolean {
  try {
    sequence.read(0, 0);
    return false;
  } catch {
    return true;
  }
}
