// @ts-check
const AMINO_ACIDS = 'ACDEFGHIKLMNPQRSTVWY';

/**
 * A linear congruential generator (Numerical Recipes): the same letters for the same seed.
 * @param {number} seed
 * @param {number} length
 */
export function proteinLetters(seed, length) {
  let state = (seed + 1) >>> 0;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return AMINO_ACIDS.charAt(Math.floor((state / 2 ** 32) * AMINO_ACIDS.length));
  }).join('');
}

/** FASTA of proteins, all of one length. @param {number} count @param {number} residues */
export function proteinFasta(count, residues) {
  return Array.from({ length: count }, (_, index) => `>protein_${index}\n${proteinLetters(index, residues)}\n`).join(
    '',
  );
}
