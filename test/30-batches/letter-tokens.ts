import type { DnaTokenizer } from '../../lib/batches/tokens.js';

/** ESM-2's alphabet: ids from 4. */
export const PROTEIN_LETTERS = 'LAGVSERTIDPKQNFYMHWCXBUZO.-';

export const proteinTable = new Uint8Array(256).fill(0xff);
[...PROTEIN_LETTERS].forEach((letter, index) => (proteinTable[letter.charCodeAt(0)] = index + 4));

/**
 * Replaces the byte-pair tokenizer where only its shape matters: runs of one letter become one token (their length and
 * letter), between a first and a last token. Records how many sequences each call has.
 */
export class RunTokenizer implements DnaTokenizer {
  readonly calls: number[] = [];

  encode(text: Uint8Array, offsets: Int32Array): { tokens: Int32Array; offsets: Int32Array } {
    this.calls.push(offsets.length - 1);
    const tokens: number[] = [];
    const ends = [0];
    for (let index = 0; index + 1 < offsets.length; index++) {
      const sequence = Buffer.from(text.subarray(offsets[index], offsets[index + 1])).toString();
      const runs = sequence.match(/(.)\1*/g) ?? [];
      tokens.push(1, ...runs.map((run) => 1000 * run.length + run.charCodeAt(0)), 2);
      ends.push(tokens.length);
    }
    return { tokens: Int32Array.from(tokens), offsets: Int32Array.from(ends) };
  }
}
