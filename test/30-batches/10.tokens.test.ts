import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeDna, encodeProteins, joinRanges } from '../../lib/batches/tokens.js';
import { PROTEIN_LETTERS, RunTokenizer, proteinTable } from './letter-tokens.js';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

describe('the tokens of proteins', () => {
  it('are one a letter between <cls> and <eos>', () => {
    assert.deepEqual(encodeProteins([bytes('LAG'), bytes('-'), bytes('')], proteinTable), {
      tokens: Int32Array.from([0, 4, 5, 6, 2, 0, 30, 2, 0, 2]),
      offsets: Int32Array.from([0, 5, 8, 10]),
    });
    const all = encodeProteins([bytes(PROTEIN_LETTERS)], proteinTable).tokens;
    assert.deepEqual(
      [...all.slice(1, -1)],
      Array.from({ length: 27 }, (_, index) => index + 4),
    );
  });

  it('are none for no proteins', () => {
    assert.deepEqual(encodeProteins([], proteinTable), { tokens: new Int32Array(0), offsets: Int32Array.of(0) });
  });

  it('do not exist for letters outside the alphabet', () => {
    const wider = Int32Array.from(proteinTable, (id) => (id === 0xff ? 0xffff : id));
    const signed = Int32Array.from(proteinTable, (id) => (id === 0xff ? -1 : id));
    for (const table of [proteinTable, wider, signed, [...proteinTable], []]) {
      assert.throws(() => encodeProteins([bytes('MA'), bytes('MJ')], table), {
        code: 'VNP_ARGUMENT',
        message: /^Expected letters of the alphabet for a protein to tokenize but received "/,
      });
    }
  });
});

describe('packed tokens', () => {
  it('of bases are made in one call for many sequences', () => {
    const tokenizer = new RunTokenizer();
    const packed = encodeDna([bytes('AAC'), bytes(''), bytes('GT')], tokenizer);
    assert.deepEqual(tokenizer.calls, [3]);
    assert.deepEqual(packed, {
      tokens: Int32Array.from([1, 2065, 1067, 2, 1, 2, 1, 1071, 1084, 2]),
      offsets: Int32Array.from([0, 4, 6, 10]),
    });
  });

  it('are joined as if encoded at once, whatever ranges they are cut into', () => {
    const proteins = fc.array(
      fc.array(fc.constantFrom(...'LAGV'), { maxLength: 5 }).map((parts) => bytes(parts.join(''))),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(proteins, fc.array(fc.nat(12), { maxLength: 4 }), (sequences, cuts) => {
        const whole = encodeProteins(sequences, proteinTable);
        const ends = [...cuts.map((cut) => Math.min(cut, sequences.length)), sequences.length].sort((a, b) => a - b);
        const ranges = ends.map((last, index) => ({ packed: whole, first: ends[index - 1] ?? 0, last }));
        assert.deepEqual(joinRanges(ranges), whole);
      }),
    );
  });
});
