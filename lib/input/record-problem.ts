import { BYTE_KINDS, PROTEIN_LETTER } from './nucleotide-bytes.js';
import { HEADER_SIGN } from './sequence-forms.js';
import type { StrangeByte } from './sequence-forms.js';

/**
 * The fraction of letters that stand for amino acids only from which a sequence is taken for protein: a third of a protein's
 * are such, while in DNA there are none but by mistake.
 */
const PROTEIN_SHARE = 0.1;

export function looksLikeProtein(proteinLetters: number, letters: number): boolean {
  return proteinLetters > 0 && proteinLetters >= PROTEIN_SHARE * letters;
}

/** Letters of a record, and what was noticed about them. */
export interface SequenceFindings {
  readonly length: number;
  /** Letters that stand for amino acids only. */
  readonly protein: number;
  readonly strangeByte: StrangeByte | undefined;
}

/**
 * What is wrong with a record's letters so that nothing can be computed for it; empty when they are sound.
 * @param line of its header
 */
export function sequenceProblem({ length, protein, strangeByte }: SequenceFindings, line: number): string {
  if (!strangeByte) return '';
  if (BYTE_KINDS[strangeByte.byte] === PROTEIN_LETTER && looksLikeProtein(protein, length)) {
    return `protein where DNA was expected (${protein} of ${length} letters stand for amino acids only), from line ${line}`;
  }
  const place = placeOf(strangeByte);
  if (strangeByte.byte !== HEADER_SIGN) {
    return `a byte that is no letter of a nucleotide sequence (${nameOf(strangeByte.byte)}) in ${place}`;
  }
  return `a ">" within a line, in ${place}: a line end may be missing before it, where files were put together`;
}

/** A byte as a message shows it: its character, if that can be seen, and its number. */
export function nameOf(byte: number): string {
  const number = `0x${byte.toString(16).padStart(2, '0')}`;
  return byte > 0x20 && byte < 0x7f ? `${String.fromCharCode(byte)}, ${number}` : number;
}

export function placeOf({ line, column }: { readonly line: number; readonly column: number }): string {
  return `line ${line}, column ${column}`;
}
