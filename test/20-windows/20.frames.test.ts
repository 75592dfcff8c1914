import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MemorySequence } from '../../lib/input/stored-sequence.js';
import { openReadingFrames } from '../../lib/windows/open-reading-frames.js';
import { readWindows } from '../../lib/windows/windows.js';
import { AMINO_ACIDS, framesNaively } from './naive-frames.js';
import type { FrameText } from './naive-frames.js';

function frames(letters: string | Uint8Array): FrameText[] {
  return openReadingFrames(Buffer.from(letters)).map(({ name, protein, nucleotide }) => {
    return [name, Buffer.from(protein).toString(), Buffer.from(nucleotide).toString()];
  });
}

/** The frames that the classic tool keeps of these letters: `frame protein/nucleotide`. */
const classic: Readonly<Record<string, readonly string[]>> = {
  ATGGCCAAAT: [
    'F1 MAK/ATGGCCAAAT',
    'F2 WPN/TGGCCAAAT',
    'F3 GQ/GGCCAAA',
    'R1 IWP/ATTTGGCCAT',
    'R2 FGH/TTTGGCCAT',
    'R3 LA/TTGGCCA',
  ],
  ATGNNNGCCAAATTT: [
    'F1 MAKF/ATGNNNGCCAAAT',
    'F2 PN/TGNNNGC',
    'F3 QI/GNNNGCC',
    'R1 KFGH/AAATTTGGCNNNC',
    'R2 NL/AATTTGG',
    'R3 IW/ATTTGGC',
  ],
  TAATAGTGATTACTATCA: [
    'F2 NSDYY/AATAGTGATTACTATC',
    'F3 IVITI/ATAGTGATTACTATCA',
    'R2 DSNHY/GATAGTAATCACTATT',
    'R3 IVITI/ATAGTAATCACTATTA',
  ],
  ATGRCCGGG: ['F1 MG/ATGRCCG', 'F2 P/TGRC', 'F3 R/GRCC', 'R1 PH/CCCGGRC', 'R2 P/CCGG', 'R3 R/CGGR'],
  ATGCA: ['F1 M/ATGC', 'F2 C/TGCA', 'F3 A/GCA', 'R1 C/TGCA', 'R2 A/GCAT', 'R3 H/CAT'],
  ATG: ['F1 M/ATG', 'R1 H/CAT'],
  AT: [],
  '': [],
  NNNNNNNNNNNNNNNNNNNN: [],
  CCAAAG: ['F1 PK/CCAAAG', 'F2 Q/CAAA', 'F3 K/AAAG', 'R1 LW/CTTTGG', 'R2 F/TTTG', 'R3 L/TTGG'],
};

describe('the kept frames of a window', () => {
  for (const [letters, kept] of Object.entries(classic)) {
    it(`are the classic ones: ${letters === '' ? 'no letters' : letters}`, () => {
      const texts = frames(letters).map(([name, protein, nucleotide]) => `${name} ${protein}/${nucleotide}`);
      assert.deepEqual(texts, kept);
      assert.deepEqual(frames(letters.toLowerCase()), frames(letters));
    });
  }

  it('are those of the window, not of the record', () => {
    const sequence = new MemorySequence(Buffer.from('ATGGCCAAAG'));
    const [first, second] = [...readWindows({ sequence, uracil: 0 }, 9)].map(({ letters }) => letters);
    assert.deepEqual(frames(first!), frames('ATGGCCAAA'));
    assert.deepEqual(frames(second!), frames('CCAAAG'));
  });

  it('translate each of the 64 codons', () => {
    assert.equal(AMINO_ACIDS.size, 64);
    for (const [codon, aminoAcid] of AMINO_ACIDS) {
      const first = frames(codon).find(([name]) => name === 'F1');
      assert.deepEqual(first, aminoAcid === '*' ? undefined : ['F1', aminoAcid, codon]);
    }
  });

  it('take U for no base', () => {
    assert.deepEqual(frames('AUGGCC'), framesNaively('AUGGCC'));
    assert.deepEqual(
      frames('UAAGCCUAG').find(([name]) => name === 'F1'),
      ['F1', 'A', 'UAAG'],
    );
  });

  it('are those of the rules spelled out, for any letters', () => {
    const anyLetters = (letters: string) =>
      fc.array(fc.constantFrom(...letters), { maxLength: 60 }).map((parts) => parts.join(''));
    const window = fc.oneof(anyLetters('ACGTNRYUacgtn-*'), anyLetters('ACGTacgt'), anyLetters('CCGGA'));
    fc.assert(
      fc.property(window, (letters) => assert.deepEqual(frames(letters), framesNaively(letters))),
      { numRuns: 2000 },
    );
  });

  it('find a lone stop wherever it is', () => {
    for (const stop of ['TAA', 'TAG', 'TGA', 'TTA', 'CTA', 'TCA']) {
      for (let length = 3; length <= 12; length++) {
        for (let start = 0; start + 3 <= length; start++) {
          const letters = `${'C'.repeat(start)}${stop}${'C'.repeat(length - start - 3)}`;
          assert.deepEqual(frames(letters), framesNaively(letters));
        }
      }
    }
  });

  it('leave the letters of the window as they were', () => {
    const letters = Buffer.from('atgGCCnaaat');
    openReadingFrames(letters);
    assert.equal(letters.toString(), 'atgGCCnaaat');
  });
});
