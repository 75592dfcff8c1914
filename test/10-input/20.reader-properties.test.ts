import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FastaParser } from '../../lib/input/fasta-parser.js';
import { useTemporaryFolder } from './temporary-folder.js';
import { parseNaively, plain, readPlain } from './plain-records.js';
import type { PlainRecord } from './plain-records.js';

const pieces = [
  'A',
  'c',
  'G',
  't',
  'N',
  '-',
  '*',
  'é',
  ' ',
  '\t',
  '\v',
  '\f',
  '>',
  '\n>',
  '\r>id x ',
  '\n',
  '\r',
  '\r\n',
  '\n\n',
];
const anyText = fc.array(fc.constantFrom(...pieces), { maxLength: 80 }).map((parts) => parts.join(''));
const blockSizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

/** Pushes the bytes in blocks of these sizes, over and over, each in the same memory. */
function parseInBlocks(text: string, sizes: readonly number[], memoryLimit: number): PlainRecord[] {
  const parser = new FastaParser({ source: 'x', firstIndex: 0, memoryLimit, temporaryFolder: undefined });
  const bytes = Buffer.from(text);
  const memory = new Uint8Array(20);
  const records: PlainRecord[] = [];
  for (let position = 0, turn = 0; position < bytes.length; turn++) {
    const block = bytes.subarray(position, position + sizes[turn % sizes.length]!);
    memory.set(block);
    parser.push(memory.subarray(0, block.length));
    records.push(...parser.take().map(plain));
    memory.fill(0);
    position += block.length;
  }
  parser.finish();
  return [...records, ...parser.take().map(plain)];
}

describe('the FASTA reader', () => {
  const folder = useTemporaryFolder();

  it('gives what a parser by lines gives, wherever the blocks are cut', () => {
    fc.assert(
      fc.property(anyText, blockSizes, (text, sizes) => {
        assert.deepEqual(parseInBlocks(text, sizes, 1024), parseNaively(text));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same records from temporary files as from memory', () => {
    fc.assert(
      fc.property(anyText, blockSizes, fc.integer({ min: 0, max: 10 }), (text, sizes, memoryLimit) => {
        assert.deepEqual(parseInBlocks(text, sizes, memoryLimit), parseNaively(text));
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the block size of its files', async () => {
    const text = fc.tuple(anyText, anyText).map((texts) => `>first\n${texts.join('\n>')}`);
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
