import type { BatchPiece } from '../batches/open-batch.js';
import type { EncodedFrames } from '../batches/encoded-frames.js';
import type { PackedTokens } from '../batches/tokens.js';
import type { ComputedSequences, ComputeSeconds } from '../engine/pool/batch-work.js';
import type { BatchOutcome } from '../engine/pool/scoring-work.js';
import type { Lane, LaneWindow } from './lane.js';

/** One run's part of a shared batch, as if the batch had been its own. */
export interface BatchPart {
  /** Of its frames, in their order. */
  readonly tags: readonly number[];
  /** Tokens of each frame. */
  readonly tokens: { readonly dna: readonly number[]; readonly protein: readonly number[] };
  /** `computed` has its part of the seconds, by its part of the tokens. */
  readonly outcome: BatchOutcome;
}

/** A shared batch: which lane has which of its rows. */
export class SharedBatch {
  readonly tokens: EncodedFrames;
  readonly #rows = new Map<Lane, { readonly rows: number[]; readonly tags: number[] }>();

  constructor({ pieces, tokens }: { pieces: readonly BatchPiece<LaneWindow>[]; tokens: EncodedFrames }) {
    this.tokens = tokens;
    let row = 0;
    for (const { frames, first, last } of pieces) {
      const { lane, firstTag } = frames;
      const own = this.#rows.get(lane) ?? { rows: [], tags: [] };
      this.#rows.set(lane, own);
      for (let index = first; index < last; index++) {
        own.rows.push(row++);
        own.tags.push(firstTag + index);
      }
    }
  }

  get lanes(): readonly Lane[] {
    return [...this.#rows.keys()];
  }

  get embeddings(): boolean {
    return this.lanes.some(({ wantsEmbeddings }) => wantsEmbeddings);
  }

  partOf(lane: Lane, outcome: BatchOutcome): BatchPart {
    const { rows, tags } = this.#rows.get(lane)!;
    const sizes = ({ offsets }: PackedTokens): number[] => rows.map((row) => offsets[row + 1]! - offsets[row]!);
    const embeddings = lane.wantsEmbeddings && outcome.embeddings;
    const width = embeddings ? embeddings.length / outcome.faults.length : 0;
    return {
      tags,
      tokens: { dna: sizes(this.tokens.dna), protein: sizes(this.tokens.protein) },
      outcome: {
        scores: Float32Array.from(rows.flatMap((row) => [outcome.scores[2 * row]!, outcome.scores[2 * row + 1]!])),
        faults: Uint8Array.from(rows, (row) => outcome.faults[row]!),
        failures: rangesWithin(rows, outcome.failures),
        computed: rangesWithin(
          rows,
          outcome.computed.map((range) => this.#partOfSeconds(rows, range)),
        ),
        ...(embeddings && { embeddings: rowsOf(embeddings, width, rows) }),
      },
    };
  }

  /** The seconds that these of the range's rows took. */
  #partOfSeconds(rows: readonly number[], { seconds, ...range }: ComputedSequences): ComputedSequences {
    const own = rows.filter((row) => row >= range.first && row < range.last);
    const fraction = ({ offsets }: PackedTokens): number => {
      const all = offsets[range.last]! - offsets[range.first]!;
      const tokens = own.reduce((sum, row) => sum + offsets[row + 1]! - offsets[row]!, 0);
      return all === 0 ? 0 : tokens / all;
    };
    const { dna, protein, classifier } = seconds as ComputeSeconds;
    const part: ComputeSeconds = {
      dna: dna * fraction(this.tokens.dna),
      protein: protein * fraction(this.tokens.protein),
      classifier: (classifier * own.length) / (range.last - range.first),
    };
    return { ...range, seconds: part };
  }
}

/** Ranges of the batch's rows as ranges of `rows`, which ascend; without those that have none of them. */
function rangesWithin<Range extends { readonly first: number; readonly last: number }>(
  rows: readonly number[],
  ranges: readonly Range[],
): Range[] {
  const before = (end: number): number => rows.filter((row) => row < end).length;
  return ranges
    .map((range) => ({ ...range, first: before(range.first), last: before(range.last) }))
    .filter(({ first, last }) => first < last);
}

/** A copy: what one run keeps must not keep the rows of others alive, or reach them. */
function rowsOf(matrix: Float32Array, width: number, rows: readonly number[]): Float32Array {
  const copy = new Float32Array(width * rows.length);
  for (const [index, row] of rows.entries()) copy.set(matrix.subarray(row * width, (row + 1) * width), index * width);
  return copy;
}
