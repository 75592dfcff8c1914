import { LetterSlab } from '../input/stored-sequence.js';

/** The order of bases in AMINO_ACIDS, the standard genetic code: first base slowest, third base fastest. */
const BASES = 'TCAG';
const AMINO_ACIDS = 'FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG';
const STOP = '*'.charCodeAt(0);

/** The code of any letter other than A, C, G, T. */
const NO_BASE = 4;

/** Maps ASCII letters to upper case, every other byte to itself. */
export const UPPER_CASE = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte));

/** Maps letters to upper case and complements A, C, G, T. */
const COMPLEMENT = UPPER_CASE.map((letter) => {
  const position = 'ACGT'.indexOf(String.fromCharCode(letter));
  return position < 0 ? letter : 'TGCA'.charCodeAt(position);
});

/** Code of a letter in either case: 0..3, or NO_BASE. */
const BASE_CODES = UPPER_CASE.map((letter) => {
  const code = BASES.indexOf(String.fromCharCode(letter));
  return code < 0 ? NO_BASE : code;
});

/** Code of a letter's complement in either case: 0..3, or NO_BASE. */
const COMPLEMENT_CODES = COMPLEMENT.map((letter) => BASE_CODES[letter]!);

/** Size of the codon tables: a codon's index is its three base codes, 3 bits each, the first base highest. */
const CODONS = 512;

/** The amino acid of a codon; 0 for a codon outside the 64. */
const AMINO_ACID_OF_CODON = new Uint8Array(CODONS);

const FORWARD_STOP = 1;
const REVERSE_STOP = 2;

/** Whether a codon is a stop as read (FORWARD_STOP) or on the opposite strand (REVERSE_STOP). No codon is both. */
const STOP_OF_CODON = new Uint8Array(CODONS);

function codon(first: number, second: number, third: number): number {
  return (first << 6) | (second << 3) | third;
}

for (let index = 0; index < 64; index++) {
  const bases = [index >> 4, (index >> 2) & 3, index & 3] as const;
  const aminoAcid = AMINO_ACIDS.charCodeAt(index);
  AMINO_ACID_OF_CODON[codon(...bases)] = aminoAcid;
  if (aminoAcid !== STOP) continue;
  const [first, second, third] = bases.map((code) => COMPLEMENT_CODES[BASES.charCodeAt(code)]!);
  STOP_OF_CODON[codon(...bases)]! |= FORWARD_STOP;
  STOP_OF_CODON[codon(third!, second!, first!)]! |= REVERSE_STOP;
}

/** The six reading frames in the classic order: three of the forward strand, three of the reverse complement. */
export const FRAME_NAMES = ['F1', 'F2', 'F3', 'R1', 'R2', 'R3'] as const;
export type FrameName = (typeof FRAME_NAMES)[number];

/** A reading frame without a stop codon: what both language models embed. */
export interface Orf {
  readonly name: FrameName;
  /** One-letter amino acids, never empty. */
  readonly protein: Uint8Array;
  /** Upper-case `strand[f .. f + 3*P + 1]` for frame offset f and P amino acids, clipped at the strand's end. */
  readonly nucleotide: Uint8Array;
}

const ALL_FRAMES = 0b111111;

const slab = new LetterSlab();

/** The frames that each kind of stop closes, by where its codon starts, modulo three, on either strand. */
const CLOSED_BY_STOP = [0, 1, 2].map((forward) =>
  [0, 1, 2].map((reverse) => {
    const closed = [0, 0, 0];
    closed[FORWARD_STOP] = 1 << forward;
    closed[REVERSE_STOP] = 8 << reverse;
    return closed;
  }),
);

/** @param start start of the codons, modulo three */
function closedByStop(length: number, start: number): readonly number[] {
  // The reverse strand reads a codon's last letter first: its start there counts from the end of the letters.
  return CLOSED_BY_STOP[start]![(length - start) % 3]!;
}

/**
 * The frames without a stop codon, as bits: F1, F2, F3 are bits 0 to 2, R1, R2, R3 bits 3 to 5. One pass covers both
 * strands and ends as soon as every frame has a stop.
 */
function framesWithoutStop(letters: Uint8Array): number {
  const length = letters.length;
  if (length < 3) return 0;
  // What a stop closes on either strand, for codons that start at 0, 1 and 2 modulo three.
  const closed0 = closedByStop(length, 0);
  const closed1 = closedByStop(length, 1);
  const closed2 = closedByStop(length, 2);
  let open = ALL_FRAMES;
  let codon = (BASE_CODES[letters[0]!]! << 3) | BASE_CODES[letters[1]!]!;
  let position = 2;
  for (; position + 2 < length; position += 3) {
    codon = ((codon << 3) | BASE_CODES[letters[position]!]!) & (CODONS - 1);
    const stop0 = STOP_OF_CODON[codon]!;
    codon = ((codon << 3) | BASE_CODES[letters[position + 1]!]!) & (CODONS - 1);
    const stop1 = STOP_OF_CODON[codon]!;
    codon = ((codon << 3) | BASE_CODES[letters[position + 2]!]!) & (CODONS - 1);
    const stop2 = STOP_OF_CODON[codon]!;
    if ((stop0 | stop1 | stop2) === 0) continue;
    open &= ~(closed0[stop0]! | closed1[stop1]! | closed2[stop2]!);
    if (open === 0) return 0;
  }
  for (const closed of [closed0, closed1]) {
    if (position >= length) break;
    codon = ((codon << 3) | BASE_CODES[letters[position++]!]!) & (CODONS - 1);
    open &= ~closed[STOP_OF_CODON[codon]!]!;
  }
  return open;
}

/** Translates the frame that starts at `first`, in steps of `step`, with the base codes of its strand. */
function translate(letters: Uint8Array, codes: Uint8Array, first: number, step: 1 | -1, codons: number): Uint8Array {
  const protein = slab.take(codons);
  let count = 0;
  for (let index = 0, at = first; index < codons; index++, at += 3 * step) {
    const codon = (codes[letters[at]!]! << 6) | (codes[letters[at + step]!]! << 3) | codes[letters[at + 2 * step]!]!;
    const aminoAcid = AMINO_ACID_OF_CODON[codon]!;
    if (aminoAcid !== 0) protein[count++] = aminoAcid;
  }
  // A codon outside the 64 yields no amino acid and leaves no gap in the protein.
  return count === codons ? protein : protein.subarray(0, count);
}

function copyStrand(letters: Uint8Array, table: Uint8Array, first: number, step: 1 | -1, count: number): Uint8Array {
  const strand = slab.take(count);
  for (let index = 0, at = first; index < count; index++, at += step) strand[index] = table[letters[at]!]!;
  return strand;
}

/**
 * The ORFs of both strands, in the classic order F1, F2, F3, R1, R2, R3. A frame without a translatable codon is
 * dropped. An ORF of P amino acids has the first 3*P + 1 bases of its frame, or all: they are not realigned after
 * codons that yield no amino acid.
 * @param letters letters of one window, in either case
 */
export function openReadingFrames(letters: Uint8Array): Orf[] {
  const open = framesWithoutStop(letters);
  const kept: Orf[] = [];
  if (open === 0) return kept;
  for (let frame = 0; frame < 6; frame++) {
    if ((open & (1 << frame)) === 0) continue;
    const offset = frame % 3;
    const isForward = frame < 3;
    const step = isForward ? 1 : -1;
    const first = isForward ? offset : letters.length - 1 - offset;
    const bases = letters.length - offset;
    if (bases < 3) continue;
    const protein = translate(letters, isForward ? BASE_CODES : COMPLEMENT_CODES, first, step, Math.floor(bases / 3));
    if (protein.length === 0) continue;
    const count = Math.min(bases, 3 * protein.length + 1);
    const nucleotide = copyStrand(letters, isForward ? UPPER_CASE : COMPLEMENT, first, step, count);
    kept.push({ name: FRAME_NAMES[frame]!, protein, nucleotide });
  }
  return kept;
}
