import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import fc from 'fast-check';
import { MemorySequence, SequenceSpool, SpooledSequence } from '../../lib/input/stored-sequence.js';
import { readRecords } from '../../lib/input/records.js';
import type { StoredSequence } from '../../lib/input/record.js';
import { useTemporaryFolder } from './temporary-folder.js';

const letters = Uint8Array.from({ length: 700_000 }, (_, index) => (index * 7919) % 251);

function spooled(): SpooledSequence {
  const spool = new SequenceSpool();
  for (let start = 0; start < letters.length; start += 99_999) spool.write(letters.subarray(start, start + 99_999));
  return new SpooledSequence(spool);
}

/** Files that this process has open in a folder, with or without a name. */
function openFilesIn(folder: string): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(`${folder}/`);
    } catch {
      return false;
    }
  }).length;
}

describe('a stored sequence', () => {
  const folder = useTemporaryFolder();

  it('gives the same letters from a temporary file as from memory, for any ranges in any order', () => {
    const file = spooled();
    const memory = new MemorySequence(letters);
    const position = fc.integer({ min: 0, max: letters.length });
    const range = fc.tuple(position, fc.oneof(fc.integer({ min: 0, max: 1000 }), position)).map(([start, length]) => {
      return [start, Math.min(start + length, letters.length)] as const;
    });
    assert.equal(file.length, memory.length);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 10 }), (ranges) => {
        const views = ranges.map(([start, end]) => file.read(start, end));
        // Compared after all reads: later reads must not change the result of an earlier one.
        ranges.forEach(([start, end], index) => {
          assert.equal(Buffer.compare(views[index]!, memory.read(start, end)), 0);
        });
      }),
      { numRuns: 50 },
    );
    file.release();
  });

  const kinds: Record<string, () => StoredSequence> = { memory: () => new MemorySequence(letters), file: spooled };
  for (const [kind, make] of Object.entries(kinds)) {
    it(`refuses ranges outside of it, and any after its release (${kind})`, () => {
      const sequence = make();
      for (const [start, end] of [
        [-1, 2],
        [5, 4],
        [0, letters.length + 1],
        [NaN, 3],
      ] as const) {
        assert.throws(() => sequence.read(start, end), { code: 'VNP_ARGUMENT' });
      }
      sequence.release();
      sequence.release();
      assert.throws(() => sequence.read(0, 1), { code: 'VNP_CLOSED' });
    });
  }

  it('leaves no name in the temporary folder, and no open file when released', async () => {
    const path = folder.write('input.fa', `>a\n${'ACGT\n'.repeat(100)}>b\nAC\n`);
    const temporaryFolder = folder.path('temporary');
    mkdirSync(temporaryFolder);
    const lengths: number[] = [];
    for await (const { sequence } of readRecords([path], { memoryLimit: 10, blockSize: 64, temporaryFolder })) {
      lengths.push(sequence.length);
      assert.deepEqual(readdirSync(temporaryFolder), []);
      assert.equal(openFilesIn(temporaryFolder), sequence.length > 10 ? 1 : 0);
      assert.equal(Buffer.from(sequence.read(0, 2)).toString(), 'AC');
      sequence.release();
    }
    assert.deepEqual(lengths, [400, 2]);
    assert.equal(openFilesIn(temporaryFolder), 0);
  });

  it('is given back by the reader when nobody took it', async () => {
    const path = folder.write('input.fa', `>a\n${'ACGT\n'.repeat(10)}`.repeat(5));
    const temporaryFolder = folder.path('temporary');
    mkdirSync(temporaryFolder);
    for await (const { sequence } of readRecords([path], { memoryLimit: 10, temporaryFolder })) {
      sequence.release();
      break;
    }
    assert.equal(openFilesIn(temporaryFolder), 0);
  });

  it('names the temporary folder when that cannot be used', async () => {
    const path = folder.write('input.fa', '>a\nACGT\n');
    const saved = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder.path('missing');
    try {
      await assert.rejects(readRecords([path], { memoryLimit: 2 }).next(), {
        code: 'VNP_OUTPUT',
        message: /make a temporary file for a long sequence in .*missing: ENOENT.*Set TMPDIR/,
      });
    } finally {
      if (saved === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = saved;
    }
  });
});
