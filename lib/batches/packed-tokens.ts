/** Sequences of token ids laid end to end: sequence i is `tokens[offsets[i]..offsets[i+1]]`. */
export interface PackedTokens {
  tokens: Int32Array;
  /** One more than there are sequences; the first is 0. */
  offsets: Int32Array;
}

/** Some sequences of a PackedTokens: [first, last). */
export interface PackedRange {
  readonly packed: PackedTokens;
  readonly first: number;
  readonly last: number;
}

/** The sequences of several ranges, one after another, in memory of their own. */
export function joinRanges(ranges: readonly PackedRange[]): PackedTokens {
  let sequences = 0;
  let size = 0;
  for (const { packed, first, last } of ranges) {
    sequences += last - first;
    size += packed.offsets[last]! - packed.offsets[first]!;
  }
  const tokens = new Int32Array(size);
  const offsets = new Int32Array(sequences + 1);
  let sequence = 0;
  let written = 0;
  for (const { packed, first, last } of ranges) {
    const start = packed.offsets[first]!;
    tokens.set(packed.tokens.subarray(start, packed.offsets[last]), written);
    for (let index = first; index < last; index++) {
      offsets[++sequence] = written + packed.offsets[index + 1]! - start;
    }
    written = offsets[sequence]!;
  }
  return { tokens, offsets };
}
