import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FastqParser } from '../../lib/input/fastq-parser.js';
import { checkInputs } from '../../lib/input/input-files.js';
import { readRecords } from '../../lib/input/records.js';
import { gzipSync } from 'node:zlib';
import { parseInBlocks } from './parse-in-blocks.js';
import { plain, readPlain } from './plain-records.js';
import type { PlainRecord } from './plain-records.js';
import { useTemporaryFolder } from './temporary-folder.js';

function parsed(text: string, sizes: readonly number[]): PlainRecord[] {
  const parser = new FastqParser({ source: 'x', firstIndex: 0, memoryLimit: 20, temporaryFolder: undefined });
  return parseInBlocks(parser, text, sizes);
}

interface Read {
  readonly id: string;
  readonly letters: string;
  readonly quality: string;
}

const qualitySigns = fc.constantFrom(...'!"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHI~');
const read: fc.Arbitrary<Read> = fc
  .tuple(fc.constantFrom('r', 'read/1 x', 'é', ''), fc.array(fc.tuple(fc.constantFrom(...'ACGTNacgt-'), qualitySigns)))
  .map(([id, bases]) => ({
    id,
    letters: bases.map(([letter]) => letter).join(''),
    quality: bases.map(([, sign]) => sign).join(''),
  }));

/** As the format is written: sequence and quality in lines of so many signs, or in one each. */
function fastqOf(reads: readonly Read[], width: number, lineEnd: string, repeatsHeader: boolean): string {
  const lines = (text: string): string[] => (text === '' ? [''] : text.match(new RegExp(`.{1,${width}}`, 'g'))!);
  return reads
    .flatMap(({ id, letters, quality }) => [
      ...[`@${id}`, ...lines(letters), `+${repeatsHeader ? id : ''}`, ...lines(quality)],
    ])
    .map((line) => line + lineEnd)
    .join('');
}

describe('FASTQ', () => {
  const folder = useTemporaryFolder();

  async function recordsOf(content: string | Uint8Array): Promise<[string, string, string?][]> {
    const path = folder.write('reads.fa', content);
    const records: [string, string, string?][] = [];
    for await (const record of readRecords([path])) {
      const { id, letters, problem } = { ...record, ...plain(record) };
      records.push(problem === undefined ? [id, letters] : [id, letters, problem]);
    }
    return records;
  }

  const usual: [string, string][] = [
    ['one/1', 'ACGT'],
    ['two', 'NNAC'],
  ];

  it('is known by its content, and gives ids, headers and letters', async () => {
    const path = folder.write('x.fa', '@one/1  first read\nACGTN\n+\nIIII!\n@two\nry\n+two\n@@\n');
    assert.deepEqual(await checkInputs([path]), [{ path, size: 49 }]);
    assert.deepEqual(await readPlain([path]), [
      { index: 0, id: 'one/1', header: 'one/1  first read', letters: 'ACGTN', ambiguous: 1 },
      { index: 1, id: 'two', header: 'two', letters: 'ry', ambiguous: 2 },
    ]);
  });

  for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
    it(`may end its lines with ${name}, the last or not`, async () => {
      const text = ['@one/1 x', 'ACGT', '+', 'IIII', '@two', 'NN', 'AC', '+two', '>+', '+@'].join(end);
      assert.deepEqual(await recordsOf(text), usual);
      assert.deepEqual(await recordsOf(text + end), usual);
      assert.deepEqual(await recordsOf(`\uFEFF${end}${text}${end}${end}`), usual);
    });
  }

  it('may be packed, and come before and after FASTA', async () => {
    const fastq = folder.write('a', gzipSync('@a\nAC\n+\nII\n'));
    const fasta = folder.write('b', '>b\nGG\n');
    const records = (await readPlain([fastq, fasta, fastq])).map(({ index, id, letters }) => [index, id, letters]);
    assert.deepEqual(records, [
      [0, 'a', 'AC'],
      [1, 'b', 'GG'],
      [2, 'a', 'AC'],
    ]);
  });

  it('may have a first read that is longer than what is looked at', async () => {
    const long = 'ACGTACGTAC'.repeat(20_000);
    assert.deepEqual(await recordsOf(`@long\n${long}\n+\n${'@'.repeat(long.length)}\n@b\nAC\n+\nII\n`), [
      ['long', long],
      ['b', 'AC'],
    ]);
  });

  it('may have reads without a letter, with an empty line for it or with none', async () => {
    for (const text of ['@a\n\n+\n\n@b\nAC\n+\nII\n', '@a\n+\n@b\nAC\n+\nII\n', '@a\n\n+\n@b\nAC\n+\nII\n@c\n\n+']) {
      const records = await recordsOf(text);
      assert.deepEqual(records.slice(0, 2), [
        ['a', ''],
        ['b', 'AC'],
      ]);
    }
  });

  it('gives the same records as FASTA of the same reads, however it is written and wherever its blocks are cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
    const width = fc.constantFrom(3, 7, 1000);
    fc.assert(
      fc.property(
        fc.array(read, { maxLength: 6 }),
        sizes,
        width,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        (reads, cut, lineWidth, lineEnd, repeatsHeader) => {
          const records = parsed(fastqOf(reads, lineWidth, lineEnd, repeatsHeader), cut);
          const expected = reads.map(({ id, letters }, index) => ({
            ...{ index, id: id.split(' ')[0]!, header: id, letters },
            ambiguous: letters.replace(/[ACGTacgt]/g, '').length,
          }));
          assert.deepEqual(records, expected);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('has a record with a problem where a quality has another length than its sequence', async () => {
    const sound = '@z\nAC\n+\nII\n';
    for (const [quality, length] of [
      ['III', 3],
      ['IIIII', 5],
      ['', 0],
      ['@II', 3],
    ] as const) {
      assert.deepEqual(await recordsOf(`${sound}@bad\nACGT\n+\n${quality}\n${sound}`), [
        ['z', 'AC'],
        ['bad', 'ACGT', `${length} quality values for 4 letters in the record of line 5`],
        ['z', 'AC'],
      ]);
    }
    // At the end of the input there is no header that shows it.
    assert.deepEqual(await recordsOf(`${sound}@bad\nACGT\n+\nIII`), [
      ['z', 'AC'],
      ['bad', 'ACGT', '3 quality values for 4 letters in the record of line 5'],
    ]);
    assert.deepEqual(
      (await recordsOf(`${sound}@bad\nACGT\n+\n`)).at(-1)![2],
      '0 quality values for 4 letters in the record of line 5',
    );
    // A sequence of two lines has a quality of two.
    assert.deepEqual(await recordsOf(`@bad\r\nACGT\r\nAC\r\n+\r\nIIII\r\nI\r\n${sound}`), [
      ['bad', 'ACGTAC', '5 quality values for 6 letters in the record of line 1'],
      ['z', 'AC'],
    ]);
  });

  const broken: Record<string, [string, RegExp]> = {
    'no + line': [
      '@b\nACGT\nIIII\n@c\nAC\n+\nII\n',
      /a line that starts with "\+" after the sequence for FASTQ input .* one that starts with "@", in record 2 \(line 8\)/,
    ],
    'an end within a sequence': ['@b\nACGT\nAC', /received the end of the input, in record 2 \(line 7\)/],
    'an end within a header': ['@b', /received the end of the input, in record 2/],
    'a line between records': [
      '>b\nACGT\n',
      /a header line that starts with "@" for FASTQ input .* one that starts with ">", in record 2 \(line 5\)/,
    ],
    'a header that is too long': [
      `@${'x'.repeat(1024 * 1024 + 1)}\nA\n+\nI\n`,
      /header lines of at most 1048576 bytes .* longer one for record 2\. /,
    ],
  };
  for (const [name, [text, message]] of Object.entries(broken)) {
    it(`that is broken is an error, after the records before: ${name}`, async () => {
      const records: string[] = [];
      const path = folder.write('reads.fq', `@a\nAC\n+\nII\n${text}`);
      for (const blockSize of [1000, 100_000]) {
        records.length = 0;
        const reading = async (): Promise<void> => {
          for await (const record of readRecords([path], { blockSize })) records.push(plain(record).id);
        };
        await assert.rejects(reading, { code: 'VNP_INPUT_FORMAT', message });
        assert.deepEqual(records, ['a']);
      }
    });
  }
});
