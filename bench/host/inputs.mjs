// @ts-check
import { closeSync, openSync, writeSync } from 'node:fs';

const codons = [...'ACGT'].flatMap((a) => [...'ACGT'].flatMap((b) => [...'ACGT'].map((c) => a + b + c)));
const sense = codons.filter((codon) => !['TAA', 'TAG', 'TGA'].includes(codon));

/**
 * Kinds of input: the codons that records are made of, letters per record (shortest to longest) and per line.
 * @type {Record<string, { words: readonly string[], shortest: number, longest: number, columns: number }>}
 */
export const KINDS = {
  // Hardly any window has an ORF: reading and looking for stop codons.
  random: { words: codons, shortest: 9000, longest: 11000, columns: 80 },
  // An ORF in every window: translating, tokenizing and packing as well.
  coding: { words: sense, shortest: 9000, longest: 11000, columns: 80 },
  // The same in many contigs of one or two windows.
  short: { words: sense, shortest: 200, longest: 600, columns: 60 },
  // All letters in one record, too long for memory.
  single: { words: codons, shortest: Infinity, longest: Infinity, columns: 80 },
};

/** @param {number} seed A linear congruential generator (Numerical Recipes), numbers in [0, 1). */
function numbers(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** @param {string} path @param {string} kind @param {number} megabases */
export function writeInput(path, kind, megabases) {
  const definition = KINDS[kind];
  if (!definition) throw new Error(`Expected one of ${Object.keys(KINDS).join(', ')} for --kinds but received ${kind}`);
  const { words, shortest, longest, columns } = definition;
  const next = numbers(7);
  const file = openSync(path, 'w');
  const lines = new RegExp(`.{${columns}}`, 'g');
  let left = megabases * 1e6;
  for (let index = 0; left > 0; index++) {
    let inRecord = Math.min(left, shortest === Infinity ? Infinity : shortest + next() * (longest - shortest));
    writeSync(file, `>contig_${index} made for a measurement\n`);
    left -= inRecord;
    while (inRecord > 0) {
      // Whole lines at a time, so that a record of any length can be written in pieces.
      const room = Math.min(inRecord, 1000 * columns);
      let letters = '';
      while (letters.length < room) letters += words[Math.floor(next() * words.length)];
      writeSync(file, `${letters.slice(0, room).replace(lines, '$&\n')}\n`);
      inRecord -= room;
    }
  }
  closeSync(file);
}
