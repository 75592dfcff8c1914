import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FastqParser } from '../../lib/input/fastq-parser.js';
import { checkInputs } from '../../lib/input/input-files.js';
import { readRecords } from '../../lib/input/records.js';
import { gzipSync } from 'node:zlib';
import { parseInBlocks } from './parse-in-blocks.js';
import { plain, readPlain, soundRecord } from './plain-records.js';
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
  .tuple(fc.constantFrom('r', 'read/1 x', 'é', ''), fc.array(fc.tuple(fc.constantFrom(...'ACGTUNacgt'), qualitySigns)))
  .map(([id, bases]) => ({
    id,
    letters: bases.map(([letter]) => letter).join(''),
    quality: bases.map(([, sign]) => sign).join(''),
  }));

/** Letters per line of the sequence, and of the quality. */
type Widths = readonly [sequence: number, quality: number];

/** Well-formed FASTQ: sequence and quality in lines of the given widths. */
function fastqOf(reads: readonly Read[], widths: Widths, lineEnd: string, caption: (id: string) => string): string {
  const lines = (text: string, width: number): string[] =>
    text === '' ? [''] : text.match(new RegExp(`.{1,${width}}`, 'g'))!;
  return reads
    .flatMap(({ id, letters, quality }) => [
      ...[`@${id}`, ...lines(letters, widths[0]), `+${caption(id)}`, ...lines(quality, widths[1])],
    ])
    .map((line) => line + lineEnd)
    .join('');
}

/**
 * Whether a quality that is too short could be completed by some following lines, with a header or the end after them.
 */
function looksLikeAnotherText(text: string): boolean {
  const lines = text.split('\n');
  return lines.some((line, index) => {
    if (index % 4 !== 1) return false;
    let values = 0;
    return lines.slice(index + 2).some((quality, more) => {
      values += Buffer.byteLength(quality.trimEnd());
      const next = lines[index + 3 + more] || '@';
      return more > 0 && values === line.length && next.startsWith('@');
    });
  });
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
      soundRecord(0, 'one/1  first read', 'ACGTN'),
      soundRecord(1, 'two', 'ry'),
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
    const width = fc.constantFrom(1, 2, 3, 7, 1000);
    const caption = fc.constantFrom(
      () => '',
      (id: string) => id,
      (id: string) => id.split(' ')[0]!,
    );
    fc.assert(
      fc.property(
        fc.array(read, { maxLength: 6 }),
        sizes,
        fc.tuple(width, width),
        fc.constantFrom('\n', '\r\n', '\r'),
        caption,
        (reads, cut, widths, lineEnd, captionOf) => {
          const records = parsed(fastqOf(reads, widths, lineEnd, captionOf), cut);
          assert.deepEqual(
            records,
            reads.map(({ id, letters }, index) => soundRecord(index, id, letters)),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('loses no read to one with a quality of another length, wherever its blocks are cut', () => {
    const lengths = fc.constantFrom(0, 1, 2, 3, 5, 8, 13, 30);
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.tuple(read, lengths), { maxLength: 6 }), sizes, (parts, cut) => {
        // The quality is too short and does not begin like a header: what follows shows that it is too short.
        const reads = parts.map(([one, length]) => ({ ...one, quality: 'I'.repeat(length) }));
        const text = fastqOf(reads, [1000, 1000], '\n', () => '');
        fc.pre(!looksLikeAnotherText(text));
        const records = parsed(text, cut);
        assert.deepEqual(
          records.map(({ header, letters, isSound }) => [header, letters, isSound]),
          reads.map(({ id, letters, quality }) => [id, letters, letters.length === quality.length]),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('has quality lines that begin like a header, where the sequence is in one line', async () => {
    const text = '@a\nACGTACGT\n+\n@II\n@I\n+@@\n@b\nACGT\n+\nII\n@I\n\n@c\nAC\n+\nII\n';
    assert.deepEqual(await recordsOf(text), [
      ['a', 'ACGTACGT'],
      ['b', 'ACGT'],
      ['c', 'AC'],
    ]);
  });

  it('goes back to the header that it took for a quality, also several times', async () => {
    const bad = (id: string, letters: number): string => `@${id}\n${'A'.repeat(letters)}\n+\nI\n`;
    const text = `${bad('a', 200)}${bad('b', 90)}${bad('c', 40)}@z\nAC\n+\nII\n`;
    for (const content of [text, text.trimEnd(), text.replaceAll('\n', '\r\n')]) {
      assert.deepEqual(await recordsOf(content), [
        ['a', 'A'.repeat(200), '1 quality values for 200 letters in the record of line 1'],
        ['b', 'A'.repeat(90), '1 quality values for 90 letters in the record of line 5'],
        ['c', 'A'.repeat(40), '1 quality values for 40 letters in the record of line 9'],
        ['z', 'AC'],
      ]);
    }
    // The header is exactly as long as the missing part of the quality.
    assert.deepEqual(await recordsOf('@a\nACGTAC\n+\nII\n@b c\nAC\n+\nII\n'), [
      ['a', 'ACGTAC', '2 quality values for 6 letters in the record of line 1'],
      ['b', 'AC'],
    ]);
  });

  it('has a record with a problem where a byte is none of a sequence, or of a quality', async () => {
    for (const [sequence, quality, problem] of [
      ['AC GT', 'IIIII', 'a byte that is not a nucleotide letter (0x20) in line 6, column 3'],
      [' ACGT', 'IIIII', 'a byte that is not a nucleotide letter (0x20) in line 6, column 1'],
      ['AC\nG T', 'IIIII', 'a byte that is not a nucleotide letter (0x20) in line 7, column 2'],
      ['ACGTACGTACGTE', 'I'.repeat(13), 'a byte that is not a nucleotide letter (E, 0x45) in line 6, column 13'],
      ['AC*', 'III', 'a byte that is not a nucleotide letter (*, 0x2a) in line 6, column 3'],
      ['AC1', 'III', 'a byte that is not a nucleotide letter (1, 0x31) in line 6, column 3'],
      ['AC>', 'III', 'a ">" within a line, in line 6, column 3: '],
      ['ACGT', 'II\x7fI', 'a byte that is not allowed in a quality (0x7f) in line 8, column 3'],
      ['ACGT', 'I II', 'a byte that is not allowed in a quality (0x20) in line 8, column 2'],
      ['ACGT', 'III\0', 'a byte that is not allowed in a quality (0x00) in line 8, column 4'],
      ['ACGT', 'II\nI\t', '3 quality values for 4 letters in the record of line 5'],
    ] as const) {
      const records = await recordsOf(`@a\nAC\n+\nII\n@b\n${sequence}\n+\n${quality}\n@c\nGT\n+\nII\n`);
      assert.deepEqual(
        records.map(([id]) => id),
        ['a', 'b', 'c'],
      );
      assert.ok(records[1]![2]?.startsWith(problem), `${sequence} ${quality}: ${records[1]![2]}`);
      assert.deepEqual([records[0]![2], records[2]![2]], [undefined, undefined]);
    }
  });

  it('has a record with a problem where the caption behind + is another than behind @', async () => {
    const captions = ['', 'b', 'b x', 'b  ', 'c', 'b x y', 'bx'];
    const problem = 'a "+" caption that differs from the "@" header in the record of line 1';
    for (const caption of captions) {
      const [record] = await recordsOf(`@b x\nAC\n+${caption}\nII\n`);
      assert.deepEqual(record![2], captions.indexOf(caption) < 4 ? undefined : problem, caption);
    }
  });

  it('may have blanks behind a sequence and a quality; a dot is a base that was not called, a gap is left out', async () => {
    const path = folder.write('reads.fq', '@a\nAC.U \t\n+\nIIII \n@b\nA-C\n+\nIII\n');
    assert.deepEqual(await readPlain([path]), [soundRecord(0, 'a', 'ACNU'), { ...soundRecord(1, 'b', 'AC'), gaps: 1 }]);
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
    // At the end of the input there is no header to show it.
    assert.deepEqual(await recordsOf(`${sound}@bad\nACGT\n+\nIII`), [
      ['z', 'AC'],
      ['bad', 'ACGT', '3 quality values for 4 letters in the record of line 5'],
    ]);
    assert.deepEqual(
      (await recordsOf(`${sound}@bad\nACGT\n+\n`)).at(-1)![2],
      '0 quality values for 4 letters in the record of line 5',
    );
    // A sequence in two lines has a quality in two.
    assert.deepEqual(await recordsOf(`@bad\r\nACGT\r\nAC\r\n+\r\nIIII\r\nI\r\n${sound}`), [
      ['bad', 'ACGTAC', '5 quality values for 6 letters in the record of line 1'],
      ['z', 'AC'],
    ]);
  });

  const broken: Record<string, [string, RegExp]> = {
    'no + line': [
      '@b\nACGT\nIIII\n@c\nAC\n+\nII\n',
      /^FASTQ input .* has a line that starts with "@" before one that starts with "\+", in record 2 \(line 8\)/,
    ],
    'an end within a sequence': [
      '@b\nACGT\nAC',
      / ends without a line that starts with "\+" and a quality, in record 2 \(line 7\)/,
    ],
    'an end within a header': ['@b', / ends without a line that starts with "\+" and a quality, in record 2/],
    'a line between records': [
      '>b\nACGT\n',
      /^FASTQ input .* starts with ">" instead of a header, which starts with "@", in record 2 \(line 5\)/,
    ],
    'a header that is too long': [
      `@${'x'.repeat(1024 * 1024 + 1)}\nA\n+\nI\n`,
      /^The header of record 2 in .* is longer than 1048576 bytes\. /,
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
