// @ts-check
import { writeFileSync } from 'node:fs';
import { seededNumbers } from '../../dist/lib/models/random/random-contents.js';

export const WINDOW = 500;
const WINDOWS_A_RECORD = 20;

const codons = [...'ACGT'].flatMap((a) => [...'ACGT'].flatMap((b) => [...'ACGT'].map((c) => a + b + c)));
const sense = codons.filter((codon) => !['TAA', 'TAG', 'TGA'].includes(codon));

/**
 * Records without a stop codon in one frame, so that every window has an ORF. Each record uses the codons in
 * proportions of its own, as genomes do, so that embeddings differ.
 * @param {string} path @param {number} windows @param {number} seed
 */
export function writeRandomWindows(path, windows, seed) {
  const numbers = seededNumbers(seed);
  const uniform = () => (numbers() + 1) / (2 ** 32 + 1);
  const lines = [];
  for (let record = 0; record * WINDOWS_A_RECORD < windows; record++) {
    const bases = WINDOW * Math.min(WINDOWS_A_RECORD, windows - record * WINDOWS_A_RECORD);
    // Exponential weights, normalised, are uniformly distributed over all possible proportions.
    const weights = sense.map(() => -Math.log(uniform()));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let letters = '';
    while (letters.length < bases) letters += codonAt(weights, uniform() * total);
    lines.push(`>random_${record + 1}`, letters.slice(0, bases));
  }
  writeFileSync(path, `${lines.join('\n')}\n`);
}

/** @param {number[]} weights @param {number} place from 0 to their sum */
function codonAt(weights, place) {
  let left = place;
  const index = weights.findIndex((weight) => (left -= weight) <= 0);
  return sense.at(index) ?? '';
}
