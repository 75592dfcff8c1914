import { VirnucproError } from '../errors.js';
import { readRecords } from '../input/records.js';
import { PROTEIN_LETTERS } from '../models/tokenizers.js';
import { derivedSeed, seededNumbers } from '../models/random/random-contents.js';
import { UPPER_CASE } from '../windows/open-reading-frames.js';
import { readWindows } from '../windows/windows.js';
import { joinRanges } from '../batches/tokens.js';
import type { PackedTokens } from '../batches/tokens.js';

const SEED = 1;
const BASES = 'ACGT';
const NUCLEOTIDES = Buffer.from('ACGTUN');
/** The amino acids of the genetic code, which the proteins of windows consist of. */
const AMINO_ACIDS = 'ACDEFGHIKLMNPQRSTVWY';
const STOP = '*'.charCodeAt(0);
/** No longer protein consists of the letters of nucleotides alone. */
const MAX_NUCLEOTIDE_LETTERS = 200;

export interface SequenceRequest {
  readonly part: 'dna' | 'protein';
  /** Maximum number of sequences. */
  readonly limit: number;
  /** Bases of a window. */
  readonly window: number;
}

/** Random sequences, the same on every machine: windows of DNA, or proteins with the lengths of a window's frames. */
export function generatedSequences({ part, limit, window }: SequenceRequest): Uint8Array[] {
  const next = seededNumbers(derivedSeed(SEED, part));
  const letters = part === 'dna' ? BASES : AMINO_ACIDS;
  return Array.from({ length: limit }, (_, index) => {
    const length = part === 'dna' ? window : Math.floor((window - (index % 3)) / 3);
    return Uint8Array.from({ length }, () => letters.charCodeAt(Math.floor((next() / 2 ** 32) * letters.length)));
  });
}

/**
 * The first sequences of a FASTA file, in upper case: the windows of every record, cut as in a prediction, or every
 * protein whole, without a trailing `*`. Skips records without letters.
 * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT
 */
export async function fastaSequences(path: string, { part, limit, window }: SequenceRequest): Promise<Uint8Array[]> {
  const sequences: Uint8Array[] = [];
  for await (const { id, sequence, uracil } of readRecords([path], { letters: part })) {
    try {
      if (part === 'protein') {
        const protein = wholeProtein(sequence.read(0, sequence.length), id, path);
        if (protein.length > 0) sequences.push(protein);
      } else {
        for (const { letters } of readWindows({ sequence, uracil }, window)) {
          sequences.push(letters.map((letter) => UPPER_CASE[letter]!));
          if (sequences.length === limit) break;
        }
      }
    } finally {
      sequence.release();
    }
    if (sequences.length === limit) return sequences;
  }
  if (sequences.length > 0) return sequences;
  throw new VirnucproError(
    'VNP_INPUT_FORMAT',
    `There is no sequence in ${path}. Give a file with at least one sequence`,
  );
}

function wholeProtein(letters: Uint8Array, id: string, path: string): Uint8Array {
  const upper = letters.map((letter) => UPPER_CASE[letter]!);
  const protein = upper.at(-1) === STOP ? upper.subarray(0, -1) : upper;
  if (protein.length > MAX_NUCLEOTIDE_LETTERS && protein.every((letter) => NUCLEOTIDES.includes(letter))) {
    throw new VirnucproError(
      'VNP_INPUT_FORMAT',
      `The record ${JSON.stringify(id.slice(0, 80))} of ${path} is not a protein: it consists of ${protein.length} letters of DNA. ` +
        'Give proteins for ESM-2; `dna` measures DNABERT on contigs',
    );
  }
  const strange = protein.find((letter) => !PROTEIN_LETTERS.includes(String.fromCharCode(letter)));
  if (strange === undefined) return protein;
  throw new VirnucproError(
    'VNP_INPUT_FORMAT',
    `The record ${JSON.stringify(id.slice(0, 80))} of ${path} contains ${JSON.stringify(String.fromCharCode(strange))}, ` +
      `which is not one of the protein letters (${PROTEIN_LETTERS}). Give proteins for ESM-2, DNA for DNABERT`,
  );
}

/**
 * Divides sequences into batches as a prediction does: each holds, in order, as many as fit the budget; one that
 * exceeds the budget gets a batch of its own.
 * @param budget tokens, at least 1
 */
export function tokenBatches(packed: PackedTokens, budget: number): PackedTokens[] {
  const { offsets } = packed;
  const batches: PackedTokens[] = [];
  let first = 0;
  for (let last = 1; last < offsets.length; last++) {
    const isLast = last === offsets.length - 1;
    if (!isLast && offsets[last + 1]! - offsets[first]! <= budget) continue;
    batches.push(joinRanges([{ packed, first, last }]));
    first = last;
  }
  return batches;
}
