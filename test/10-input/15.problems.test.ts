import assert from 'node:assert/strict';
import { readRecords } from '../../lib/input/records.js';
import { plain } from './plain-records.js';
import { useTemporaryFolder } from './temporary-folder.js';

const PROTEIN = 'MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKW';

describe('a record that is not sound', () => {
  const folder = useTemporaryFolder();

  async function problemsOf(content: string | Uint8Array, blockSize = 7): Promise<[string, string | undefined][]> {
    const path = folder.write('input.fa', content);
    const problems: [string, string | undefined][] = [];
    for await (const record of readRecords([path], { blockSize })) {
      const { problem, id } = record;
      assert.ok(!('problem' in record) || problem);
      plain(record);
      problems.push([id, problem]);
    }
    return problems;
  }

  it('is protein among DNA; its neighbours are as they were', async () => {
    const content = `>a\nACGT\n>p\n${PROTEIN.slice(0, 40)}\n${PROTEIN.slice(40)}\n>b\nacgt\n`;
    assert.deepEqual(await problemsOf(content), [
      ['a', undefined],
      ['p', 'protein where DNA was expected (28 of 76 letters stand for amino acids only), from line 3'],
      ['b', undefined],
    ]);
  });

  it('is not DNA with gaps, ambiguity codes, masked letters, or a star at its end', async () => {
    const sound = ['NNNNNN------', 'RYSWKMBDHVNU', 'XXXXXXXXXXXX', '....****', 'ACGT\n*\n', ''];
    const content = sound.map((letters, index) => `>${index}\n${letters}\n`).join('');
    assert.deepEqual(
      await problemsOf(content),
      sound.map((_, index) => [String(index), undefined]),
    );
  });

  for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
    it(`has a NUL, a control character or a byte that is not ASCII; the line is told, with ${name}`, async () => {
      const lines = ['; text', '>a', 'ACGT', '', '>nul', 'AC', 'A\0T\0', '>b', 'AC', '>latin', 'A\xe9', '>del', '\x7f'];
      for (const blockSize of [1, 2, 3, 1000]) {
        assert.deepEqual(await problemsOf(Buffer.from(lines.join(end), 'latin1'), blockSize), [
          ['a', undefined],
          ['nul', 'a byte that is not a nucleotide letter (0x00) in line 7, column 2'],
          ['b', undefined],
          ['latin', 'a byte that is not a nucleotide letter (0xe9) in line 11, column 2'],
          ['del', 'a byte that is not a nucleotide letter (0x7f) in line 13, column 1'],
        ]);
      }
    });
  }

  it('has a byte that is no letter, and that belongs to no form that is known; its place is told', async () => {
    const cases: [string, string, string][] = [
      [`${'ACGT'.repeat(10)}E`, 'E, 0x45', 'line 2, column 41'],
      ['ACGT\n*\nAC', '*, 0x2a', 'line 3, column 1'],
      ['AC*GT*', '*, 0x2a', 'line 2, column 3'],
      ['AC;GT', ';, 0x3b', 'line 2, column 3'],
      ['AC #GT', '#, 0x23', 'line 2, column 4'],
      ['A@', '@, 0x40', 'line 2, column 2'],
      ['AC\n~GT', '~, 0x7e', 'line 3, column 1'],
      ['AC\uFEFFGT', '0xef', 'line 2, column 3'],
      ['\xefAC', '0xc3', 'line 2, column 1'],
      ['1AC', '1, 0x31', 'line 2, column 1'],
      ['AC1', '1, 0x31', 'line 2, column 3'],
      ['AC 12 GT', '1, 0x31', 'line 2, column 4'],
      ['40 40 38\n', '4, 0x34', 'line 2, column 1'],
      ['AC\n 12 \nGT', '1, 0x31', 'line 3, column 2'],
      ['1 2 AC', '2, 0x32', 'line 2, column 3'],
    ];
    for (const [letters, byte, place] of cases) {
      for (const blockSize of [1, 2, 3, 1000]) {
        assert.deepEqual(await problemsOf(`>a\n${letters}\n>b\nAC\n`, blockSize), [
          ['a', `a byte that is not a nucleotide letter (${byte}) in ${place}`],
          ['b', undefined],
        ]);
      }
    }
  });

  it('has the header of another, where files were put together without a line end between them', async () => {
    for (const blockSize of [1, 5, 1000]) {
      assert.deepEqual(await problemsOf('>a\nACGT\nACGT>b of another\nACGT\n>c\nAC\n', blockSize), [
        ['a', 'a ">" within a line, in line 3, column 5: a line end may be missing before it, where files were joined'],
        ['c', undefined],
      ]);
    }
  });

  it('keeps its letters, and counts those that are not A, C, G, T', async () => {
    const path = folder.write('input.fa', '>a\nAC\0GTE\n>b\nACGT\n');
    for await (const record of readRecords([path])) {
      const { letters, ambiguous } = plain(record);
      assert.deepEqual([letters, ambiguous], record.id === 'a' ? ['AC\0GTE', 2] : ['ACGT', 0]);
    }
  });

  it('may have been in a temporary file', async () => {
    const path = folder.write('input.fa', `>a\n${'ACGT\n'.repeat(100)}\0\n>b\nACGT\n`);
    const problems: (string | undefined)[] = [];
    for await (const record of readRecords([path], { memoryLimit: 10, blockSize: 50 })) {
      problems.push(record.problem);
      assert.equal(plain(record).letters.length, record.id === 'a' ? 401 : 4);
    }
    assert.deepEqual(problems, ['a byte that is not a nucleotide letter (0x00) in line 102, column 1', undefined]);
  });

  it('is none because of its header, whatever that says', async () => {
    const headers = [
      'tab\tin it',
      '"quoted\'',
      '../../etc/passwd',
      'C:\\x',
      'ünï/ço∂é 病毒',
      'a\0b',
      '\x1b[31m',
      '=1+1|x',
      '>>',
    ];
    const content = headers.map((header) => `>${header}\nACGT\n`).join('');
    assert.deepEqual(
      await problemsOf(content),
      headers.map((header) => [/\S+/.exec(header)![0], undefined]),
    );
  });
});
