import assert from 'node:assert/strict';
import { ArchiveDamage } from '../../lib/input/compression.js';
import { NO_END_BLOCK } from '../../lib/input/gzip.js';
import { checkInputs } from '../../lib/input/input-files.js';
import { InputProgress } from '../../lib/input/input-progress.js';
import { readRecords } from '../../lib/input/records.js';
import { BGZF_END, bgzf, blocksOf, gzipMember, packed, PACKED_FILES, packedPath } from './packed.js';
import { PLAIN_TEXT, PROGRAMS, unpacked } from './packed.js';
import { parseNaively, plain, readPlain } from './plain-records.js';
import type { PlainRecord } from './plain-records.js';
import { useTemporaryFolder } from './temporary-folder.js';

// bzip2's blocks of 900 kB take too long when decompressed thousands of times.
const names = PACKED_FILES.filter((name) => name !== 'contigs.fa.bz2');
const archives: [string, Buffer][] = names.map((name) => [name, packed(name)]);
archives.push(['BGZF', bgzf(PLAIN_TEXT, 1000)]);

const RECORDS = parseNaively(PLAIN_TEXT);

describe('a damaged archive', () => {
  const folder = useTemporaryFolder();

  async function recordsBefore(path: string, blockSize = 100): Promise<{ records: PlainRecord[]; message: string }> {
    const records: PlainRecord[] = [];
    try {
      for await (const record of readRecords([path], { blockSize })) records.push(plain(record));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'VNP_INPUT_FORMAT', String(error));
      return { records, message: (error as Error).message };
    }
    return assert.fail('it was read to its end');
  }

  for (const [name, bytes] of archives) {
    it(`is found wherever it ends early: ${name}`, async () => {
      // Anything shorter than a signature is not detected, and is no FASTA either.
      for (let length = 6; length < bytes.length; length++) {
        const { text, error, doubt } = await unpacked(bytes.subarray(0, length), [4096]);
        // Between two members gzip cannot notice that anything is missing.
        if (doubt !== undefined) continue;
        assert.ok(error instanceof ArchiveDamage, `${length} of ${bytes.length}: ${String(error)}`);
        assert.match(error.message, /archive that ends early$/);
        assert.ok(PLAIN_TEXT.startsWith(text));
      }
    });

    it(`is found wherever a byte is wrong, or has the content all the same: ${name}`, async () => {
      for (let position = 6; position < bytes.length; position++) {
        const wrong = Buffer.from(bytes);
        wrong[position]! ^= 1 << (position % 8);
        const { text, error } = await unpacked(wrong, [4096]);
        if (error === undefined && name !== 'no-checksum.fa.zst') assert.equal(text, PLAIN_TEXT, `byte ${position}`);
        else assert.ok(error === undefined || error instanceof ArchiveDamage, String(error));
      }
    });
  }

  it('gives the records before it, and says in which it ends', async () => {
    // Several archives in one, so that there is content before the last.
    for (const [program, name] of Object.entries(PROGRAMS)) {
      const whole = packed(name);
      const path = folder.write('cut', Buffer.concat([whole, whole, whole.subarray(0, -3)]));
      const { records, message } = await recordsBefore(path);
      const expected = parseNaively(PLAIN_TEXT.repeat(3));
      assert.ok(records.length >= 11, `${records.length}`);
      assert.deepEqual(records, expected.slice(0, records.length));
      assert.match(message, /^Input .*cut is an? /);
      assert.match(
        message,
        new RegExp(`${program} archive that ends early, in record ${records.length + 1} \\(line \\d+\\)`),
      );
    }
  });

  it('is refused before anything is computed where that shows at its start', async () => {
    for (const name of Object.values(PROGRAMS)) {
      const path = folder.write('cut', packed(name).subarray(0, -3));
      await assert.rejects(checkInputs([path]), { code: 'VNP_INPUT_FORMAT', message: /archive that ends early, / });
      const start = folder.write('start', packed(name).subarray(0, 12));
      await assert.rejects(checkInputs([start]), { message: /archive that ends early, before its first record\. / });
    }
  });

  it('is one with other data behind it', async () => {
    for (const name of Object.values(PROGRAMS)) {
      for (const rest of ['garbage, and enough of it', '\0garbage', '\0\0\0\0and more']) {
        for (const cut of [[4096], [7]]) {
          const { text, error } = await unpacked(Buffer.concat([packed(name), Buffer.from(rest)]), cut);
          assert.ok(error instanceof ArchiveDamage, `${name} ${rest}: ${String(error)}`);
          // What xz reports depends on the other data.
          assert.match(error.message, name === PROGRAMS.xz ? /damaged|ends early/ : /damaged \(other data/);
          assert.ok(PLAIN_TEXT.startsWith(text));
        }
      }
    }
  });

  it('may be a BGZF without its end block: all of it is read, and the user is told', async () => {
    const path = folder.write('cut.bgz', bgzf(PLAIN_TEXT, 1000, false));
    await checkInputs([path]);
    for (const blockSize of [1, 100, 100_000]) {
      const progress = new InputProgress();
      assert.deepEqual(await readPlain([path], { blockSize, progress }), RECORDS);
      const warning = `input ${path} has no BGZF end block: it may be cut off; ${RECORDS.length} records were read`;
      assert.deepEqual(progress.warnings, [warning]);
    }
    const progress = new InputProgress();
    await readPlain(['-'], { progress, standardInput: blocksOf(bgzf('>a\nACGT\n', 4, false), [10]) });
    assert.match(progress.warnings.join('\n'), /^standard input has no BGZF end block: .*; 1 record was read$/);
  });

  it('is a BGZF that is cut off between two members, and only there without an error', async () => {
    const whole = bgzf(PLAIN_TEXT, 1000);
    const members = Math.ceil(PLAIN_TEXT.length / 1000);
    let between = 0;
    for (let length = 6; length < whole.length; length++) {
      const { text, error, doubt } = await unpacked(whole.subarray(0, length), [4096]);
      assert.equal(error === undefined, doubt !== undefined, `byte ${length}`);
      if (doubt !== undefined) assert.equal(text, PLAIN_TEXT.slice(0, 1000 * ++between));
    }
    assert.equal(between, members);
  });

  it('is no BGZF without its end where anything but a block of content is last', async () => {
    const content = { content: PLAIN_TEXT };
    const block = bgzf(PLAIN_TEXT, 1000, false);
    const subfields = Buffer.from('5a5a0300010203424301000942430000', 'hex');
    const cases: [string, Buffer[], boolean][] = [
      ['a block', [block], true],
      ['a block and zeros', [block, Buffer.alloc(700)], true],
      ['a block, the end and zeros', [block, BGZF_END, Buffer.alloc(700)], false],
      ['the end between', [block, BGZF_END, block], true],
      ['two ends', [block, BGZF_END, BGZF_END], false],
      ['a plain member behind', [block, gzipMember(content)], false],
      ['a plain member before', [gzipMember(content), block], false],
      ['a plain empty member behind', [block, gzipMember({})], false],
      ['an empty member of BGZF with a name', [block, gzipMember({ bgzf: true, name: 'end' })], false],
      ['subfields before that of BGZF', [gzipMember({ ...content, bgzf: true, extra: subfields })], true],
      ['the same with an end', [gzipMember({ ...content, bgzf: true, extra: subfields }), BGZF_END], false],
      ['other subfields alone', [gzipMember({ ...content, extra: subfields })], false],
      [
        'a subfield that is longer than its field',
        [gzipMember({ ...content, extra: Buffer.from('4243ffff', 'hex') })],
        false,
      ],
      ['half a subfield', [gzipMember({ ...content, extra: Buffer.from('424302', 'hex') })], false],
      ['every field', [gzipMember({ ...content, bgzf: true, name: 'n', comment: 'c', headerChecksum: true })], true],
    ];
    for (const [name, parts, isDoubtful] of cases) {
      const bytes = Buffer.concat(parts);
      for (const cut of [[1], [7, 1000], [bytes.length]]) {
        const { text, error, doubt } = await unpacked(bytes, cut);
        assert.equal(error, undefined, name);
        assert.ok(text.startsWith(PLAIN_TEXT), name);
        assert.equal(doubt, isDoubtful ? NO_END_BLOCK : undefined, name);
      }
    }
  });

  it('is no BGZF whose blocks do not say how long they are', async () => {
    const members = [
      gzipMember({ content: PLAIN_TEXT.slice(0, 500), bgzf: true }),
      gzipMember({ content: 'AC', bgzf: true }),
    ];
    for (const size of [0, 5, 17, 24, 200, 65535]) {
      members[0]!.writeUInt16LE(size, 16);
      const { text, error, doubt } = await unpacked(Buffer.concat(members));
      assert.deepEqual([text, error, doubt], [`${PLAIN_TEXT.slice(0, 500)}AC`, undefined, undefined], `${size}`);
    }
  });

  const unreadable: Record<string, [Buffer | (() => Buffer), RegExp]> = {
    'an xz with a check by SHA-256': [
      () => packed('sha256.fa.xz'),
      /xz archive .*an unsupported filter or check, such as SHA-256/,
    ],
    'a zstd that needs a dictionary': [
      Buffer.from('28b52ffd2107050100004142', 'hex'),
      /a zstd archive that needs dictionary 7, before/,
    ],
    'a zstd with a window for which there may be no memory': [
      Buffer.from('28b52ffd0090010000', 'hex'),
      /a zstd archive with a window of 268435456 bytes \(--long\), before/,
    ],
  };
  for (const [name, [bytes, message]] of Object.entries(unreadable)) {
    it(`is told from one that cannot be read here: ${name}`, async () => {
      const path = folder.write('archive', typeof bytes === 'function' ? bytes() : bytes);
      await assert.rejects(checkInputs([path]), { code: 'VNP_INPUT_FORMAT', message });
      assert.match((await recordsBefore(path)).message, message);
    });
  }

  it('does not keep the reader busy for ever, as a Huffman tree whose weights take no bits would', async () => {
    for (const block of ['52000208f003ffffffffff0100000000', '5200020910f801ffffffffff0100000000']) {
      const payload = Buffer.from(block, 'hex');
      const header = Buffer.alloc(3);
      header.writeUIntLE((payload.length << 3) | (2 << 1) | 1, 0, 3);
      const path = folder.write('endless', Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), header, payload]));
      await assert.rejects(checkInputs([path]), { message: /a zstd archive that is damaged \(not zstd data\)/ });
      assert.match((await recordsBefore(path)).message, /a zstd archive that is damaged \(not zstd data\)/);
    }
  });

  it('does not hide a file that cannot be read', async () => {
    await assert.rejects(readRecords([packedPath('missing.gz')]).next(), { code: 'VNP_INPUT_MISSING' });
    for (const name of Object.values(PROGRAMS)) {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield packed(name).subarray(0, 700);
        throw new Error('the cable was pulled');
      }
      const reading = async (): Promise<void> => {
        for await (const { sequence } of readRecords(['-'], { standardInput: broken() })) sequence.release();
      };
      await assert.rejects(reading, /the cable was pulled/);
    }
  });
});
