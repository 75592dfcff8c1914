import assert from 'node:assert/strict';
import { useTemporaryFolder } from './temporary-folder.js';
import { readPlain, soundRecord } from './plain-records.js';

describe('records of a FASTA file', () => {
  const folder = useTemporaryFolder();

  async function idsAndLetters(content: string | Uint8Array): Promise<[string, string][]> {
    return (await readPlain([folder.write('input.fa', content)])).map(({ id, letters }) => [id, letters]);
  }

  it('have an id, a header, letters in their case, and a count of those that are not A, C, G, T', async () => {
    const path = folder.write('input.fa', '>one  first record \nACGT\nacgtN\n>two\nRyx\n');
    assert.deepEqual(await readPlain([path]), [
      { ...soundRecord(0, 'one  first record', 'ACGTacgtN'), ambiguous: 1 },
      { ...soundRecord(1, 'two', 'Ryx'), ambiguous: 3 },
    ]);
  });

  for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
    it(`end their lines with ${name}`, async () => {
      const content = ['>a x', 'AC', 'GT', '', '>b', 'TT'].join(end);
      assert.deepEqual(await idsAndLetters(content), [
        ['a', 'ACGT'],
        ['b', 'TT'],
      ]);
      assert.deepEqual(await idsAndLetters(content + end), [
        ['a', 'ACGT'],
        ['b', 'TT'],
      ]);
    });
  }

  it('may mix line ends', async () => {
    assert.deepEqual(await idsAndLetters('>a\rAC\r\nGT\n\r>b\n\nA\r\r\n>c\r\nG'), [
      ['a', 'ACGT'],
      ['b', 'A'],
      ['c', 'G'],
    ]);
  });

  it('lose the spaces and tabs in their sequences', async () => {
    assert.deepEqual(await idsAndLetters('>a\nAC GT\t \n  AA\t\nC C\n'), [['a', 'ACGTAACC']]);
  });

  it('start at a > that starts a line, be it behind blanks and byte order marks, and at no other', async () => {
    assert.deepEqual(await idsAndLetters('>a >b\nAC>GT\n >c\nG\n\uFEFF>d\nT\n\t\uFEFF >e\n- >f\n'), [
      ['a', 'AC>GT'],
      ['c', 'G'],
      ['d', 'T'],
      // Its f is a letter that no nucleotide sequence has.
      ['e', '>f'],
    ]);
    assert.deepEqual(await idsAndLetters('  \uFEFF >a\nG\n'), [['a', 'G']]);
  });

  it('follow whatever text comes before the first >', async () => {
    assert.deepEqual(await idsAndLetters('; made by x > y\nACGT\n\n>a\nGG\n'), [['a', 'GG']]);
  });

  it('are read after a byte order mark', async () => {
    assert.deepEqual(await idsAndLetters('\uFEFF>a\nGG\n'), [['a', 'GG']]);
  });

  it('may be empty, have no id, or end the file with a header', async () => {
    assert.deepEqual(await idsAndLetters('>empty\n>\nAC\n>  late id\nG\n>last'), [
      ['empty', ''],
      ['', 'AC'],
      ['late', 'G'],
      ['last', ''],
    ]);
  });

  it('may have the same id', async () => {
    assert.deepEqual(await idsAndLetters('>a\nA\n>a\nC\n'), [
      ['a', 'A'],
      ['a', 'C'],
    ]);
  });

  it('have headers in UTF-8, or in Latin-1 where that is not valid', async () => {
    assert.deepEqual(await idsAndLetters('>phagé\nA\n'), [['phagé', 'A']]);
    assert.deepEqual(await idsAndLetters(Buffer.from('>phag\xe9 x\nA\n', 'latin1')), [['phagé', 'A']]);
  });

  it('are none in a file of no bytes, or of blank lines', async () => {
    assert.deepEqual(await idsAndLetters(''), []);
    assert.deepEqual(await idsAndLetters('\n \r\n'), []);
  });

  it('may have a header of 1 MiB, not a longer one', async () => {
    const id = 'x'.repeat(1024 * 1024);
    assert.deepEqual(await idsAndLetters(`>${id}\nA\n`), [[id, 'A']]);
    await assert.rejects(idsAndLetters(`>${id}x\nA\n`), {
      code: 'VNP_INPUT_FORMAT',
      message: /^The header of record 1 in input .*input\.fa is longer than 1048576 bytes\. /,
    });
  });
});
