import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { checkInputs } from '../../lib/input/input-files.js';
import { useTemporaryFolder } from './temporary-folder.js';
import { readPlain } from './plain-records.js';

const fasta = '>a\nACGT\n';
const long = 'ACGTACGTAC\n'.repeat(6000);

const refused: Record<string, { content: string | Uint8Array; message: RegExp }> = {
  gzip: { content: gzipSync(fasta), message: /gzip compressed data\. Compressed .*decompress it first \(gzip -d\)$/ },
  bzip2: { content: `BZh91AY&SY${fasta}`, message: /bzip2 compressed data\. / },
  xz: { content: Buffer.from('fd377a585a00000004', 'hex'), message: /xz compressed data\. / },
  zstd: { content: Buffer.from('28b52ffd2400', 'hex'), message: /zstd compressed data\. / },
  zip: { content: `PK\x03\x04${fasta}`, message: /zip compressed data\. / },
  FASTQ: { content: '@read\nACGT\n+\n>III\n', message: /looks like FASTQ .*FASTQ is not read yet/ },
  'a NUL byte': { content: `>a\nAC\0GT\n`, message: /binary data \(a NUL byte\)/ },
  'UTF-16': { content: Buffer.from(`\uFEFF${fasta}`, 'utf16le'), message: /UTF-16 text/ },
  'plain letters': {
    content: 'ACGT\nACGT\n',
    message: /received text without such a line, starting "ACGT\\nACGT\\n"\. /,
  },
  'a > within lines only': { content: 'x > y\n <a>\n', message: /received text without such a line, starting "x > y/ },
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
          assert.ok(error.message.startsWith('Expected FASTA (a line that starts with ">") for input '));
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
    'text before the first record': `@comment\nwritten by hand\n${fasta}`,
    'a record after a byte order mark': `\uFEFF${fasta}`,
    'lone CR line ends': 'title\r>a\rACGT\r',
    'a protein': '>p\nMKTAYIAKQR\n',
    'a + after the first record': `@comment\n${fasta}+\n`,
    'more than is looked at': `>a\n${long}`,
  };
  for (const [name, content] of Object.entries(accepted)) {
    it(`is accepted: ${name}`, async () => {
      const path = folder.write('input.fa', content);
      assert.deepEqual(await checkInputs([path]), [{ path, size: Buffer.byteLength(content) }]);
      assert.equal((await readPlain([path])).length, content.includes('>') ? 1 : 0);
    });
  }

  it('of standard input is judged before its first record is given', async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('@read\nACGT\n');
      yield Buffer.from('+\nIIII\n>a\nACGT\n>b\nACGT\n');
    }
    await assert.rejects(readPlain(['-'], { standardInput: bytes() }), {
      code: 'VNP_INPUT_FORMAT',
      message: /for standard input but received what looks like FASTQ/,
    });
  });
});
