import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { checkInputs } from '../../lib/input/input-files.js';
import { useTemporaryFolder } from './temporary-folder.js';
import { readPlain } from './plain-records.js';

const fasta = '>a\nACGT\n';
const long = 'ACGTACGTAC\n'.repeat(6000);

const protein = 'MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKW';

const refused: Record<string, { content: string | Uint8Array; message: RegExp }> = {
  zip: { content: `PK\x03\x04${fasta}`, message: /zip compressed data\. Decompress it first \(unzip\)$/ },
  'gzip within gzip': { content: gzipSync(gzipSync(fasta)), message: /: it is doubly compressed data \(gzip\)\. / },
  'SAM alignments': { content: '@HD\tVN:1.6\nr\t0\t*\n', message: /SAM alignments\. .*samtools fasta/ },
  'a NUL byte before the first record': { content: `a\0\n${fasta}`, message: /binary data \(a NUL byte\)/ },
  'random bytes that have a line with >': {
    content: Buffer.concat([
      Buffer.from('>'),
      ...Array.from({ length: 99 }, (_, i) => createHash('md5').update(`${i}`).digest()),
    ]),
    message: /binary data \(\d+ control characters\)/,
  },
  'UTF-16 without a byte order mark': { content: Buffer.from(fasta.repeat(3), 'utf16le'), message: /binary data/ },
  'UTF-16': { content: Buffer.from(`\uFEFF${fasta}`, 'utf16le'), message: /UTF-16 text/ },
  'plain letters': {
    content: 'ACGT\nACGT\n',
    message: /: it is text without such a line, starting "ACGT\\nACGT\\n"\. /,
  },
  'a > within lines only': { content: 'x > y\n <a>\n', message: /: it is text without such a line, starting "x > y/ },
  'escape characters': { content: '\x1b[2J"\xff\n', message: /starting "\\x1b\[2J\\"\\xc3\\xbf\\n"/ },
  'more text than is looked at': { content: `${long}${fasta}`, message: /in its first 64 KiB, starting "ACGT.*"…/ },
};

describe('the content of an input', () => {
  const folder = useTemporaryFolder();

  for (const [name, { content, message }] of Object.entries(refused)) {
    it(`is refused before and while reading: ${name}`, async () => {
      const path = folder.write('input.fa', content);
      const ways = [() => checkInputs([path]), () => readPlain([path]), () => readPlain([path], { blockSize: 50 })];
      for (const read of ways) {
        await assert.rejects(read, (error: Error & { code: string }) => {
          assert.equal(error.code, 'VNP_INPUT_FORMAT');
          assert.match(error.message, /^Input .* is neither FASTA \(with a line that starts with ">"\) nor FASTQ: /);
          assert.match(error.message, message);
          assert.match(error.message, /^[ -~…]+$/);
          return true;
        });
      }
    });
  }

  const accepted: Record<string, string> = {
    'no bytes': '',
    'blank lines': '\n\r\n  \n',
    'one record': fasta,
    'reads whose wrapped qualities look like reads of protein': `@r\n${'ACGT'.repeat(20)}\n+\n${'@\nEEEE\n'.repeat(16)}`,
    'a comment behind blanks that would be protein': `>a\nACGT\n  ; MKQLEEFIPZ\nACGT\n`,
    'text before the first record': `@comment\nwritten by hand\n${fasta}`,
    'a record after a byte order mark': `\uFEFF${fasta}`,
    'lone CR line ends': 'title\r>a\rACGT\r',
    'gaps and ambiguity codes': '>a\nRYSWKMBDHVNryswkmbdhvn----....****XXXX\n',
    RNA: '>a\nACGUACGUUUU\n',
    'a wrong letter or two among many': `>a\n${'ACGT'.repeat(10)}EI\n`,
    'a + after the first record': `@comment\n${fasta}+\n`,
    'more than is looked at': `>a\n${long}`,
  };
  for (const [name, content] of Object.entries(accepted)) {
    it(`is accepted: ${name}`, async () => {
      const path = folder.write('input.fa', content);
      assert.deepEqual(await checkInputs([path]), [{ path, size: Buffer.byteLength(content) }]);
      assert.equal((await readPlain([path])).length, /[>@]/.test(content) ? 1 : 0);
    });
  }

  for (const [name, content] of Object.entries({
    'FASTA of proteins': `>p one\n${protein}\n>q\n${protein}\n>dna\nACGT\n`,
    'FASTA with CR, in lower case': `>p\r${protein.toLowerCase()}\r`,
    'a long protein': `>p\n${`${protein}\n`.repeat(1000)}`,
    'packed proteins': gzipSync(`>p\n${protein}\n`),
    'FASTQ of proteins': `@p\n${protein}\n+\n${'I'.repeat(protein.length)}\n`,
  })) {
    it(`is refused before and while reading where it is protein: ${name}`, async () => {
      const path = folder.write('input.fa', content);
      const error = {
        code: 'VNP_INPUT_FORMAT',
        message:
          /^Input .* is protein, not DNA: (\d+) of its first \d+ records, such as "MKTAYIAKQRQISFVKSHFS"…\. Give the nucleotide sequences/i,
      };
      for (const read of [
        () => checkInputs([path]),
        () => readPlain([path]),
        () => readPlain([path], { blockSize: 50 }),
      ]) {
        await assert.rejects(read, error);
      }
    });
  }

  it('of standard input is judged before its first record is given', async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`>p\n${protein}\n`);
      yield Buffer.from(`>q\n${protein}\n>b\nACGT\n`);
    }
    await assert.rejects(readPlain(['-'], { standardInput: bytes() }), {
      code: 'VNP_INPUT_FORMAT',
      message: /^Standard input is protein, not DNA: 2 of its first 3 records/,
    });
  });
});
