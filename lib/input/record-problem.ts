import { HEADER_SIGN } from './sequence-builder.js';
import type { SequenceFindings } from './sequence-builder.js';

/**
 * The share of letters that stand for amino acids only from which a sequence is taken for protein: a third of a protein's
 * are such, while in DNA there are none but by mistake.
 */
const PROTEIN_SHARE = 0.1;

export function looksLikeProtein(proteinLetters: number, letters: number): boolean {
  return proteinLetters > 0 && proteinLetters >= PROTEIN_SHARE * letters;
}

/**
 * What is wrong with a record so that nothing can be computed for it; empty when it is sound.
 * @param record its letters, and the line of its header
 * @param other what was found wrong elsewhere
 */
export function recordProblem(
  { protein, strangeByte }: SequenceFindings,
  { length, line }: { readonly length: number; readonly line: number },
  other: string,
): string {
  if (strangeByte) {
    const { byte, line: ofByte } = strangeByte;
    if (byte === HEADER_SIGN) {
      return `a ">" within line ${ofByte}: a line end may be missing before it, where files were put together`;
    }
    return `a byte that no sequence has (0x${byte.toString(16).padStart(2, '0')}) in line ${ofByte}`;
  }
  if (other) return other;
  if (!looksLikeProtein(protein, length)) return '';
  return `protein where DNA was expected (${protein} of ${length} letters stand for amino acids only), from line ${line}`;
}
