/** The standard genetic code. */
const CODE: Readonly<Record<string, readonly string[]>> = {
  A: ['GCT', 'GCC', 'GCA', 'GCG'],
  C: ['TGT', 'TGC'],
  D: ['GAT', 'GAC'],
  E: ['GAA', 'GAG'],
  F: ['TTT', 'TTC'],
  G: ['GGT', 'GGC', 'GGA', 'GGG'],
  H: ['CAT', 'CAC'],
  I: ['ATT', 'ATC', 'ATA'],
  K: ['AAA', 'AAG'],
  L: ['TTA', 'TTG', 'CTT', 'CTC', 'CTA', 'CTG'],
  M: ['ATG'],
  N: ['AAT', 'AAC'],
  P: ['CCT', 'CCC', 'CCA', 'CCG'],
  Q: ['CAA', 'CAG'],
  R: ['CGT', 'CGC', 'CGA', 'CGG', 'AGA', 'AGG'],
  S: ['TCT', 'TCC', 'TCA', 'TCG', 'AGT', 'AGC'],
  T: ['ACT', 'ACC', 'ACA', 'ACG'],
  V: ['GTT', 'GTC', 'GTA', 'GTG'],
  W: ['TGG'],
  Y: ['TAT', 'TAC'],
  '*': ['TAA', 'TAG', 'TGA'],
};

export const AMINO_ACIDS = new Map(
  Object.entries(CODE).flatMap(([aminoAcid, codons]) => codons.map((codon) => [codon, aminoAcid] as const)),
);

const COMPLEMENTS: Readonly<Record<string, string>> = { A: 'T', C: 'G', G: 'C', T: 'A' };

/** An ORF as text: name, protein, nucleotide. */
export type FrameText = [name: string, protein: string, nucleotide: string];

/** The classic rules for frames, letter by letter, without regard to speed. */
export function framesNaively(letters: string): FrameText[] {
  const forward = letters.toUpperCase();
  const reverse = [...forward].reverse().map((letter) => COMPLEMENTS[letter] ?? letter);
  const frames: FrameText[] = [];
  for (const [name, strand] of [
    ['F', forward],
    ['R', reverse.join('')],
  ] as const) {
    for (const offset of [0, 1, 2]) {
      let protein = '';
      for (let start = offset; start + 3 <= strand.length; start += 3) {
        protein += AMINO_ACIDS.get(strand.slice(start, start + 3)) ?? '';
      }
      if (protein === '' || protein.includes('*')) continue;
      frames.push([`${name}${offset + 1}`, protein, strand.slice(offset, offset + 3 * protein.length + 1)]);
    }
  }
  return frames;
}
