import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readLetters } from '../../lib/embed/letters.js';
import { PROTEIN_LETTERS } from '../../lib/models/tokenizers.js';

type Part = 'protein' | 'dna';

const read = async (part: Part, sequence: string | Uint8Array): Promise<string> => {
  const { letters, problem } = await readLetters(part, sequence);
  return letters ? Buffer.from(letters).toString('latin1') : `! ${problem}`;
};

describe('the letters of a sequence to embed', () => {
  it('are read in either case, without blanks and line breaks', async () => {
    assert.equal(await read('protein', ' mkV\n la\t\r\n'), 'MKVLA');
    assert.equal(await read('dna', 'acGT\nNry'), 'ACGTNRY');
    assert.equal(await read('protein', Buffer.from('MKV')), 'MKV');
  });

  it('are all those that ESM-2 has tokens for, and J as X', async () => {
    assert.equal(await read('protein', PROTEIN_LETTERS), PROTEIN_LETTERS);
    assert.equal(await read('protein', 'MJKjX'), 'MXKXX');
  });

  it('are those of nucleotides, U as T, without gaps', async () => {
    assert.equal(await read('dna', 'acguUTRYSWKMBDHVNX'), 'ACGTTTRYSWKMBDHVNX');
    assert.equal(await read('dna', '-AC..GT-'), 'ACGT');
  });

  it('end before a final stop', async () => {
    assert.equal(await read('protein', 'MKV*'), 'MKV');
    assert.equal(await read('protein', 'MKV**\n'), 'MKV');
    assert.equal(await read('protein', 'MK*V'), '! "*" at position 3 is not an amino acid');
    assert.equal(await read('dna', 'ACG*'), 'ACG');
  });

  const problems: [Part, string | Uint8Array, string][] = [
    ['protein', '', '! it has no letters'],
    ['protein', ' *\n', '! it has no letters'],
    ['dna', '---', '! it has no letters'],
    ['protein', 'MK1V', '! "1" at position 3 is not an amino acid'],
    ['dna', 'ACGE', '! "E" at position 4 is not a nucleotide'],
    ['dna', 'A\0', '! the byte 0 at position 2 is not a nucleotide'],
    // Of two bytes in UTF-8: never taken for a letter with the same low byte.
    ['protein', 'M\u0141', '! the byte 197 at position 2 is not an amino acid'],
    ['protein', Uint8Array.of(0x4d, 0xff), '! the byte 255 at position 2 is not an amino acid'],
  ];
  for (const [part, sequence, problem] of problems) {
    it(`are refused: ${problem.slice(2)}`, async () => assert.equal(await read(part, sequence), problem));
  }

  it('are as many as there are, of a sequence that is read bit by bit', async () => {
    for (const length of [4_000_000, 4_000_001, 9_000_000]) {
      assert.equal((await readLetters('dna', 'ac\n'.repeat(length / 3))).letters!.length, 2 * Math.floor(length / 3));
    }
    const late = await readLetters('dna', `${'A'.repeat(8_000_000)}E`);
    assert.equal(late.problem, '"E" at position 8000001 is not a nucleotide');
  });

  it('are copied: the caller may change the sequence afterwards', async () => {
    const sequence = Buffer.from('MKV');
    const { letters } = await readLetters('protein', sequence);
    sequence.fill(0);
    assert.equal(Buffer.from(letters!).toString(), 'MKV');
  });

  it('are the same from text and from bytes, whatever these are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Part>('protein', 'dna'),
        fc.string({ unit: 'binary-ascii' }),
        async (part, text) => {
          assert.deepEqual(await readLetters(part, text), await readLetters(part, Buffer.from(text)));
        },
      ),
    );
  });
});
