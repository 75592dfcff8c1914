import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { WRAPPED_BLOCK_LETTERS, wrapped } from '../../lib/output/fasta.js';
import type { StoredSequence } from '../../lib/input/record.js';
import { contigResult, optionsIn, temporaryFolder, writeRun } from './results.js';

function wrappedText(letters: string): string {
  return letters.replace(/.{1,60}/g, '$&\n');
}

/** A long sequence that is not in memory; it records the longest piece that was read. */
class MadeSequence implements StoredSequence {
  longestRead = 0;

  constructor(readonly length: number) {}

  read(start: number, end: number): Uint8Array {
    this.longestRead = Math.max(this.longestRead, end - start);
    return Uint8Array.from({ length: end - start }, (_, index) => 'ACGTacgtN'.charCodeAt((start + index) % 9));
  }

  release(): void {}
}

describe('virus.fna', () => {
  const folder = temporaryFolder();
  const written = (): string => readFileSync(join(folder.path, 'out', 'virus.fna'), 'utf8');

  it('holds the records called virus, with their whole header and their own letters', async () => {
    const letters = 'acgtNNRYACGT'.repeat(11);
    await writeRun(optionsIn(folder.path), [
      contigResult('a', letters, { verdict: 'virus', header: 'a  phage from soil é' }),
      contigResult('b', 'ACGT', { verdict: 'other' }),
      contigResult('c', 'ACGT', { verdict: 'none' }),
      contigResult('d', 'A', { verdict: 'virus' }),
    ]);
    assert.equal(written(), `>a  phage from soil é\n${wrappedText(letters)}>d of a test\nA\n`);
  });

  it('is empty when no record is called virus', async () => {
    await writeRun(optionsIn(folder.path), [contigResult('b', 'ACGT')]);
    assert.equal(written(), '');
  });

  it('reads a long record in blocks, without a seam', async () => {
    const sequence = new MadeSequence(3 * WRAPPED_BLOCK_LETTERS + 61);
    await writeRun(optionsIn(folder.path), [
      contigResult('long', '', { verdict: 'virus', sequence, length: sequence.length }),
      contigResult('d', 'A', { verdict: 'virus' }),
    ]);
    assert.equal(sequence.longestRead, WRAPPED_BLOCK_LETTERS);
    const letters = Buffer.from(sequence.read(0, sequence.length)).toString();
    assert.equal(written(), `>long of a test\n${wrappedText(letters)}>d of a test\nA\n`);
  });

  it('wraps any number of letters at 60', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('A', 'c', 'N'), maxLength: 200 }), (letters) => {
        assert.equal(Buffer.from(wrapped(Buffer.from(letters))).toString(), wrappedText(letters));
      }),
    );
  });
});
