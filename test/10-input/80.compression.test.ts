import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { checkInputs } from '../../lib/input/input-files.js';
import { InputProgress } from '../../lib/input/input-progress.js';
import { readRecords } from '../../lib/input/records.js';
import { bgzf, blocksOf, packed, PACKED_FILES, packedPath, PLAIN_TEXT, PROGRAMS, skippableFrame } from './packed.js';
import { gzipMember, unpacked } from './packed.js';
import type { GzipMember } from './packed.js';
import { parseNaively, readPlain } from './plain-records.js';
import { useTemporaryFolder } from './temporary-folder.js';

const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 });
const RECORDS = parseNaively(PLAIN_TEXT);

/** A subfield of gzip's extra field. */
function subfield(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x58, 0x59, bytes.length, 0]), bytes]);
}

describe('a packed input', () => {
  const folder = useTemporaryFolder();

  for (const name of PACKED_FILES) {
    it(`has the records of the plain one, whatever its name: ${name}`, async () => {
      const bytes = packed(name);
      const path = folder.write('reads.txt', bytes);
      assert.deepEqual(await checkInputs([path]), [{ path, size: bytes.length }]);
      const progress = new InputProgress();
      assert.deepEqual(await readPlain([path], { progress }), RECORDS);
      assert.deepEqual(await readPlain([path], { blockSize: 100 }), RECORDS);
      // Counted and hashed as stored in the file.
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      assert.deepEqual(progress.finished, [{ path, bytes: bytes.length, sha256 }]);
      const letters = RECORDS.reduce((sum, record) => sum + record.letters.length + record.header.length + 2, 0);
      assert.deepEqual([progress.bytesRead, progress.recordBytes], [bytes.length, letters]);
    });
  }

  it('may come through standard input and pipes, in blocks cut anywhere', async () => {
    for (const name of Object.values(PROGRAMS)) {
      const bytes = packed(name);
      for (const cut of [[1], [5], [40, 1, 7], [bytes.length]]) {
        assert.deepEqual(
          await readPlain(['-'], { standardInput: blocksOf(bytes, cut) }),
          RECORDS,
          `${name} in blocks of ${cut.join(', ')}`,
        );
      }
    }
    const pipe = folder.path('pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', packedPath(PROGRAMS.bzip2), pipe]);
    assert.deepEqual(await readPlain([pipe]), RECORDS);
    await new Promise((resolve) => (writer.exitCode === null ? writer.once('exit', resolve) : resolve(0)));
  });

  it('may be of several archives, one after another, as `cat` makes it', async () => {
    for (const name of PACKED_FILES) {
      const twice = folder.write('twice', Buffer.concat([packed(name), packed(name), packed(name)]));
      assert.deepEqual(await readPlain([twice], { blockSize: 77 }), parseNaively(PLAIN_TEXT.repeat(3)), name);
    }
  });

  it('has the same content wherever its blocks and members are cut', async () => {
    const members = fc.array(fc.integer({ min: 0, max: PLAIN_TEXT.length }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(members, sizes, fc.boolean(), async (ends, cut, asBgzf) => {
        const borders = [0, ...ends.sort((a, b) => a - b), PLAIN_TEXT.length];
        const parts = borders.slice(1).map((end, index) => PLAIN_TEXT.slice(borders[index], end));
        const archive = asBgzf
          ? bgzf(PLAIN_TEXT, 1 + (ends[0] ?? 700))
          : Buffer.concat(parts.map((part) => gzipSync(part)));
        assert.deepEqual(await unpacked(archive, cut), { text: PLAIN_TEXT, error: undefined });
      }),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PACKED_FILES), sizes, async (name, cut) => {
        assert.deepEqual(await unpacked(packed(name), cut), { text: PLAIN_TEXT, error: undefined });
      }),
      { numRuns: 60 },
    );
  });

  it('of gzip may be of members of every kind, in any order', async () => {
    const header = { extra: fc.uint8Array({ maxLength: 9 }).map((bytes) => subfield(bytes)), name: fc.constant('n') };
    const member = fc.record<GzipMember>(
      {
        content: fc.oneof(
          fc.nat(PLAIN_TEXT.length).map((end) => PLAIN_TEXT.slice(0, end)),
          // The number of bytes that are passed at a time, one fewer and one more.
          fc.integer({ min: 65535, max: 65537 }).map((length) => 'A'.repeat(length)),
        ),
        ...{ level: fc.constantFrom(0, 1, 9), bgzf: fc.boolean(), headerChecksum: fc.boolean() },
        ...{ ...header, comment: fc.constant('a comment') },
      },
      { requiredKeys: [] },
    );
    const members = fc.array(member, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(members, sizes, fc.integer({ min: 0, max: 600 }), async (all, cut, zeros) => {
        // BGZF's sizes have 16 bits.
        const fitting = all.map((one) => ({ ...one, bgzf: one.bgzf === true && (one.content ?? '').length < 60_000 }));
        const archive = Buffer.concat([...fitting.map(gzipMember), Buffer.alloc(zeros)]);
        const { text, error, doubt } = await unpacked(archive, cut);
        assert.deepEqual([text, error], [fitting.map(({ content = '' }) => content).join(''), undefined]);
        const lacksEnd = fitting.every((one) => one.bgzf) && (fitting.at(-1)!.content ?? '') !== '';
        assert.equal(doubt !== undefined, lacksEnd);
      }),
      { numRuns: 200 },
    );
  });

  it('has the same content out of a thread', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PACKED_FILES), sizes, async (name, cut) => {
        assert.deepEqual(await unpacked(packed(name), cut, true), { text: PLAIN_TEXT, error: undefined });
      }),
      { numRuns: 10 },
    );
  });

  it('of zstd may have frames that are skipped, before, between and behind', async () => {
    const frame = packed(PROGRAMS.zstd);
    const archive = [skippableFrame(0), skippableFrame(700, 15), frame, skippableFrame(9, 3), frame, skippableFrame(1)];
    for (const cut of [[1], [64], [9999]]) {
      const { text, error } = await unpacked(Buffer.concat(archive), cut);
      assert.deepEqual([text, error], [PLAIN_TEXT.repeat(2), undefined]);
    }
  });

  it('may have padding behind it: zeros behind gzip, and behind xz as its format has it', async () => {
    for (const [name, zeros] of [
      [PROGRAMS.gzip, 1000],
      [PROGRAMS.xz, 512],
    ] as const) {
      const padded = Buffer.concat([packed(name), Buffer.alloc(zeros)]);
      for (const cut of [[1], [100], [9999]]) {
        assert.deepEqual(await unpacked(padded, cut), { text: PLAIN_TEXT, error: undefined });
      }
      const progress = new InputProgress();
      await readPlain([folder.write('padded', padded)], { progress, blockSize: 100 });
      assert.equal(progress.finished[0]!.sha256, createHash('sha256').update(padded).digest('hex'));
    }
  });

  it('may be empty', async () => {
    for (const nothing of [
      gzipSync(''),
      bgzf('', 1),
      Buffer.from('28b52ffd2400010000 99e9d851'.replace(' ', ''), 'hex'),
    ]) {
      const path = folder.write('nothing', nothing);
      await checkInputs([path]);
      assert.deepEqual(await readPlain([path]), []);
    }
  });

  for (const [program, name] of Object.entries(PROGRAMS)) {
    it(`is read no further than its records are asked for: ${program}`, async () => {
      let asked = 0;
      const bytes = Buffer.concat(Array.from({ length: 2000 }, () => packed(name)));
      const standardInput = blocksOf(bytes, [packed(name).length], () => asked++);
      const records = readRecords(['-'], { standardInput });
      const { value } = await records.next();
      value!.sequence.release();
      // For detection, for the largest bzip2 block and for what is on its way; without a limit it would be 2000.
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(asked < 1000, `${asked} blocks for one record`);
      await records.return!();
    });
  }

  it('leaves no thread behind, whether it was read to its end or not', async () => {
    const threads = (): number => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const before = threads();
    for await (const { sequence } of readRecords([packedPath(PROGRAMS.xz), packedPath(PROGRAMS.zstd)])) {
      sequence.release();
      if (sequence.length === 0) break;
    }
    assert.equal(threads(), before);
    await readPlain([packedPath(PROGRAMS.bzip2)]);
    assert.equal(threads(), before);
  });
});
