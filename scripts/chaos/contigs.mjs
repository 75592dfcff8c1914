// @ts-check
import { Random } from './random.mjs';

/**
 * Contigs of every kind: without a stop codon, so that all six frames of each window are scored; of random bases, with
 * few ORFs; lower case, with gaps, shorter than a window, empty, with another contig's id.
 * @param {number} count @returns {string} FASTA
 */
export function chaosContigs(count) {
  const random = new Random(count, 'contigs');
  /** @param {string} alphabet @param {number} length */
  const letters = (alphabet, length) => Array.from({ length }, () => random.of([...alphabet])).join('');
  const sequences = [
    () => letters('ACG', 600 + random.below(900)),
    () => letters('ACG', 1000),
    () => letters('ACGT', 800 + random.below(1500)),
    () => letters('acg', 700),
    () => `${letters('ACG', 400)}${'N'.repeat(100)}${letters('ACGR', 400)}`,
    () => letters('ACG', random.below(60)),
  ];
  const records = Array.from({ length: count }, (_, index) => {
    const id = index % 40 === 39 ? `contig_${index - 1}` : `contig_${index}`;
    const sequence = (sequences[index % 12] ?? random.of(sequences))();
    return `>${id} made for chaos, ${sequence.length} bases\n${sequence.replace(/.{1,80}/g, (line) => `${line}\n`)}`;
  });
  return records.join('');
}
