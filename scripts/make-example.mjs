// @ts-check
/**
 * Writes examples/contigs.fa: `node scripts/make-example.mjs`. Invented sequences, the same on every machine: contigs
 * with long open reading frames, without, short, with ambiguous letters, in lower case, empty.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @param {number} seed A linear congruential generator (Numerical Recipes), 0 to 1. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = randomNumbers(20260101);

/** @param {string} letters */
const pick = (letters) => letters.charAt(Math.floor(random() * letters.length));

/** @param {number} length */
function bases(length) {
  return Array.from({ length }, () => pick('ACGT')).join('');
}

const stops = new Set(['TAA', 'TAG', 'TGA']);

/** A gene of so many codons: a start, codons that are no stops, a stop. @param {number} codons */
function gene(codons) {
  let sequence = 'ATG';
  for (let count = 0; count < codons;) {
    // G first and A or T third are more common in genes.
    const codon = pick('GGGACT') + pick('ACGT') + pick('ACGTAT');
    if (stops.has(codon)) continue;
    sequence += codon;
    count++;
  }
  return `${sequence}TAA`;
}

/** Genes with short stretches between them. @param {number[]} codons */
const genes = (...codons) => codons.map((count) => bases(20) + gene(count)).join('') + bases(30);

/** @type {[header: string, sequence: string][]} */
const records = [
  ['dense_genome compact, like a small phage', genes(420, 310, 260, 520, 180)],
  ['one_gene a single long gene', genes(650)],
  ['random_dna no genes: few frames without a stop', bases(3200)],
  ['short_contig a piece of a gene, shorter than a window', gene(70).slice(0, -3)],
  ['soft_masked a repeat in lower case', gene(300) + bases(150).toLowerCase() + gene(410)],
  ['ambiguous letters other than A, C, G and T', genes(180).replace(/^(.{100}).{12}/, '$1NNNNNRYKMSWN') + genes(160)],
  ['gap only N', 'N'.repeat(600)],
  ['empty a record without letters', ''],
];

const text = records
  .map(([header, sequence]) => `>${header}\n${sequence.replace(/.{1,70}/g, (line) => `${line}\n`)}`)
  .join('');
writeFileSync(join(fileURLToPath(new URL('..', import.meta.url)), 'examples', 'contigs.fa'), text);
