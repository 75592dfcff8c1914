import type { PackedTokens } from './packed-tokens.js';

/** What turns bases into tokens; one call for many sequences. */
export interface DnaTokenizer {
  /**
   * @param text the sequences end to end, as ASCII letters
   * @param offsets n+1 byte positions in `text`: sequence i is `text[offsets[i]..offsets[i+1]]`
   */
  encode(text: Uint8Array, offsets: Int32Array): PackedTokens;
}

/** Encodes sequences that lie apart. */
export function encodeDna(sequences: readonly Uint8Array[], tokenizer: DnaTokenizer): PackedTokens {
  const offsets = new Int32Array(sequences.length + 1);
  for (let index = 0; index < sequences.length; index++)
    offsets[index + 1] = offsets[index]! + sequences[index]!.length;
  const text = new Uint8Array(offsets[sequences.length]!);
  for (let index = 0; index < sequences.length; index++) text.set(sequences[index]!, offsets[index]);
  return tokenizer.encode(text, offsets);
}
