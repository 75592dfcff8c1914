import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FastaParser } from '../../lib/input/fasta-parser.js';
import { useTemporaryFolder } from './temporary-folder.js';
import { parseInBlocks } from './parse-in-blocks.js';
import { parseNaively, readPlain } from './plain-records.js';
import type { PlainRecord } from './plain-records.js';

const pieces = [
  ...['A', 'c', 'G', 't', 'N', 'x', 'U', 'E', '-', '.', '*', 'é', '\uFEFF', '@', '+', ' ', '\t', '\v', '\f', '\0'],
  ...['1', ' 61 ', '\n 1 ac', ' 12\n', ';', '#', '!', '\n; x > y', '\n#', '--\n', '*\n>'],
  ...['>', '\n>', '\n >', '\n\uFEFF>', '\r>id x ', '\n', '\r', '\r\n', '\n\n'],
];
const anyText = fc.array(fc.constantFrom(...pieces), { maxLength: 80 }).map((parts) => parts.join(''));
const blockSizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

function parsed(text: string, sizes: readonly number[], memoryLimit: number): PlainRecord[] {
  const parser = new FastaParser({ source: 'x', firstIndex: 0, memoryLimit, temporaryFolder: undefined });
  return parseInBlocks(parser, text, sizes);
}

describe('the FASTA reader', () => {
  const folder = useTemporaryFolder();

  it('gives what a parser by lines gives, wherever the blocks are cut', () => {
    fc.assert(
      fc.property(anyText, blockSizes, (text, sizes) => {
        assert.deepEqual(parsed(text, sizes, 1024), parseNaively(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the same records from temporary files as from memory', () => {
    fc.assert(
      fc.property(anyText, blockSizes, fc.integer({ min: 0, max: 10 }), (text, sizes, memoryLimit) => {
        assert.deepEqual(parsed(text, sizes, memoryLimit), parseNaively(text));
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the block size of its files', async () => {
    // Many, so that the content as a whole is not mistaken for protein.
    const sound = '>s\nACGT\n'.repeat(200);
    const text = fc.tuple(anyText, anyText).map((texts) => `${sound}>first\n${texts.join('\n>')}`);
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 50 }), async (content, blockSize) => {
        const path = folder.write('input.fa', content);
        assert.deepEqual(await readPlain([path], { blockSize }), parseNaively(content));
      }),
      { numRuns: 50 },
    );
  });

  it('reads a sequence that takes many blocks', async () => {
    const line = 'ACGTACGTNacgtacgtnGATTACAGATTACAGATTACA';
    const lines = Array.from({ length: 20_000 }, (_, index) => line.slice(index % line.length));
    const path = folder.write('input.fa', `>short\nAC\n>long\n${lines.join('\n')}\n>last\nGT\n`);
    const inMemory = await readPlain([path]);
    assert.equal(inMemory[1]!.letters, lines.join(''));
    assert.deepEqual(await readPlain([path], { memoryLimit: 1000, blockSize: 4096 }), inMemory);
  });
});
