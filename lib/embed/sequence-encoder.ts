import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeDna, encodeProteins } from '../batches/tokens.js';
import type { DnaTokenizer } from '../batches/tokens.js';
import type { LanguageModelPart } from '../engine/pool/embedding-work.js';
import { PROTEIN_TOKENS } from '../models/tokenizers.js';

/**
 * Letters to tokenize in one go: a few milliseconds, so that no sequence blocks the event loop for long. In a longer one
 * no token crosses a multiple of this.
 */
const ENCODED_AT_ONCE = 200_000;

/** The tokens of a sequence without the special ones. */
export interface EncodedSequence {
  readonly tokens: Int32Array;
  /** The special token before and after every window. */
  readonly prefix: number;
  readonly suffix: number;
}

/** Turns the letters of one sequence into tokens of one language model. */
export class SequenceEncoder {
  readonly part: LanguageModelPart;
  readonly #tokenizer: DnaTokenizer | undefined;

  /** @param tokenizer of the DNA model */
  constructor(part: LanguageModelPart, tokenizer?: DnaTokenizer) {
    this.part = part;
    this.#tokenizer = tokenizer;
  }

  /**
   * @param letters at least one, as `readLetters` gives them
   * @param most tokens that are wanted, from the first on. Defaults to all
   */
  async encode(letters: Uint8Array, most = Infinity): Promise<EncodedSequence> {
    const first = this.#encodePiece(letters, 0);
    if (letters.length <= ENCODED_AT_ONCE) return first;
    const pieces = [first.tokens];
    let total = first.tokens.length;
    for (let start = ENCODED_AT_ONCE; start < letters.length && total < most; start += ENCODED_AT_ONCE) {
      await nextTurn();
      const { tokens } = this.#encodePiece(letters, start);
      pieces.push(tokens);
      total += tokens.length;
    }
    return { ...first, tokens: joined(pieces, total) };
  }

  #encodePiece(letters: Uint8Array, start: number): EncodedSequence {
    const piece = letters.subarray(start, start + ENCODED_AT_ONCE);
    const { tokens } = this.#tokenizer ? encodeDna([piece], this.#tokenizer) : encodeProteins([piece], PROTEIN_TOKENS);
    return { tokens: tokens.subarray(1, -1), prefix: tokens[0]!, suffix: tokens.at(-1)! };
  }
}

function joined(pieces: readonly Int32Array[], total: number): Int32Array {
  const tokens = new Int32Array(total);
  let written = 0;
  for (const piece of pieces) {
    tokens.set(piece, written);
    written += piece.length;
  }
  return tokens;
}
