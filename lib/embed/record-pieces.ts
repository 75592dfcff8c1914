import type { Piece } from './embedding-batcher.js';
import { readLetters } from './letters.js';
import { RecordProgress } from './record-progress.js';
import type { EmbeddingRecord } from './record-progress.js';
import type { EncodedSequence, SequenceEncoder } from './sequence-encoder.js';
import { SPECIAL_TOKENS } from './sequence-states.js';
import { startOf, windowsOf } from './token-windows.js';
import type { TokenWindows } from './token-windows.js';

/**
 * What becomes of a sequence that is longer than the model reads at once. `windows`: it is read in windows that overlap,
 * see `windowsOf`; the state of a token that several windows have is their mean. `truncate`: its first tokens are read.
 * `error`: it is not embedded.
 */
export type LongSequences = (typeof LONG_SEQUENCES)[number];
export const LONG_SEQUENCES = ['windows', 'truncate', 'error'] as const;

/** How records are read. */
export interface ReadingRules {
  readonly encoder: SequenceEncoder;
  /** Tokens that the model reads at once, without the special ones. */
  readonly maxLength: number;
  readonly longSequences: LongSequences;
}

/** Residues that ESM-2's pooling on the device includes at most. */
const POOLED_RESIDUES = 1024;

export interface ReadRecord<R extends EmbeddingRecord> {
  readonly progress: RecordProgress<R>;
  /** None if the record cannot be embedded. Made one after another, so that a long sequence takes little memory. */
  readonly pieces: Iterable<Piece<RecordProgress<R>>>;
}

/** Reads a record's letters and cuts its tokens into windows. */
export async function readRecord<R extends EmbeddingRecord>(
  record: R,
  index: number,
  { encoder, maxLength, longSequences }: ReadingRules,
): Promise<ReadRecord<R>> {
  const { part } = encoder;
  const { letters, problem } = await readLetters(part, record.sequence);
  if (!letters) return invalid(record, index, 0, problem);
  const encoded = await encoder.encode(letters, longSequences === 'windows' ? Infinity : maxLength + 1);
  const isLong = encoded.tokens.length > maxLength;
  if (isLong && longSequences === 'error') {
    const unit = part === 'protein' ? 'residues' : 'tokens';
    const reason = `it has more than ${maxLength} ${unit}, and longer sequences are left out`;
    return invalid(record, index, letters.length, reason);
  }
  const tokens = longSequences === 'truncate' ? encoded.tokens.subarray(0, maxLength) : encoded.tokens;
  const windows = windowsOf(tokens.length, maxLength);
  const size = windows.count * (windows.size + SPECIAL_TOKENS);
  const progress = new RecordProgress({ record, index, length: letters.length }, windows, size);
  const isPooled = windows.count === 1 && (part === 'dna' || windows.size <= POOLED_RESIDUES);
  return { progress, pieces: piecesOf(progress, { ...encoded, tokens }, windows, isPooled) };
}

function invalid<R extends EmbeddingRecord>(record: R, index: number, length: number, problem: string): ReadRecord<R> {
  const progress = new RecordProgress({ record, index, length });
  progress.fail(problem);
  return { progress, pieces: [] };
}

function* piecesOf<Owner>(
  owner: Owner,
  { tokens, prefix, suffix }: EncodedSequence,
  windows: TokenWindows,
  isPooled: boolean,
): Generator<Piece<Owner>> {
  for (let window = 0; window < windows.count; window++) {
    const start = startOf(windows, window);
    const piece = new Int32Array(windows.size + SPECIAL_TOKENS);
    piece[0] = prefix;
    piece.set(tokens.subarray(start, start + windows.size), 1);
    piece[piece.length - 1] = suffix;
    yield { owner, window, tokens: piece, isPooled };
  }
}
