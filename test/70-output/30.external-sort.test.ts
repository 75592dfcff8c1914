import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import fc from 'fast-check';
import { type OpenFile, openNewFile } from '../../lib/output/buffered-file.js';
import { utf8Key } from '../../lib/output/classic-files.js';
import { ExternalSort } from '../../lib/output/external-sort.js';
import type { HighestScores } from '../../lib/output/sorted-run.js';
import { temporaryFolder } from './results.js';

const replacing: OpenFile = (path) => open(path, 'w');

const score = fc.float({ min: 0, max: 1, noNaN: true, noDefaultInfinity: true });
// Letters on both sides of the surrogates, where the orders by code point and by UTF-16 unit differ.
const id = fc.string({ unit: fc.constantFrom('a', 'b', '_', '1', 'é', '\uffee', '😀'), minLength: 1, maxLength: 4 });
const entries = fc.array(fc.record({ key: id.map(utf8Key), others: score, virus: score }, { noNullPrototype: true }), {
  maxLength: 200,
});

async function sorted(sort: ExternalSort, added: readonly HighestScores[]): Promise<HighestScores[]> {
  for (const entry of added) await sort.add(entry);
  const all: HighestScores[] = [];
  for await (const page of sort.sorted()) all.push(...page);
  return all;
}

/** The result of a dictionary by id, in byte order of the ids. */
function expectedOrder(added: readonly HighestScores[]): HighestScores[] {
  const byKey = new Map<string, HighestScores>();
  for (const { key, others, virus } of added) {
    const known = byKey.get(key) ?? { key, others, virus };
    byKey.set(key, { key, others: Math.max(known.others, others), virus: Math.max(known.virus, virus) });
  }
  const bytes = (key: string): Buffer => Buffer.from(key, 'latin1');
  return [...byKey.values()].sort((a, b) => Buffer.compare(bytes(a.key), bytes(b.key)));
}

describe('The external sort', () => {
  const folder = temporaryFolder();

  it('sorts as in memory, whatever the size of runs and the number merged at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries,
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 2, max: 5 }),
        async (added, runBytes, fanIn) => {
          const sort = new ExternalSort({ folder: folder.path, open: replacing, runBytes, fanIn });
          assert.deepEqual(await sorted(sort, added), expectedOrder(added));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('sorts runs longer than a read block and many pages', async () => {
    const added = Array.from({ length: 20_000 }, (_, index) => ({
      key: `contig_${(index * 7919) % 10_007}_chunk_${index % 3}`,
      others: Math.fround(index / 20_000),
      virus: Math.fround(1 - index / 20_000),
    }));
    const sort = new ExternalSort({ folder: folder.path, open: openNewFile, runBytes: 300_000, fanIn: 3 });
    assert.deepEqual(await sorted(sort, added), expectedOrder(added));
  });

  it('writes runs when they are full, and no file when all fits', async () => {
    const small = new ExternalSort({ folder: folder.path, open: openNewFile });
    await small.add({ key: 'a', others: 0, virus: 1 });
    assert.deepEqual(readdirSync(folder.path), []);
    const tiny = new ExternalSort({ folder: folder.path, open: openNewFile, runBytes: 1 });
    await tiny.add({ key: 'a', others: 0, virus: 1 });
    await tiny.add({ key: 'b', others: 0, virus: 1 });
    assert.deepEqual(readdirSync(folder.path).sort(), ['sorted-1.run', 'sorted-2.run']);
  });

  it('sorts by code point, not by UTF-16 unit', async () => {
    const sort = new ExternalSort({ folder: folder.path, open: openNewFile });
    const added = ['😀', '\uffee', 'z'].map((text) => ({ key: utf8Key(text), others: 0, virus: 1 }));
    const texts = (await sorted(sort, added)).map(({ key }) => Buffer.from(key, 'latin1').toString('utf8'));
    assert.deepEqual(texts, ['z', '\uffee', '😀']);
  });
});
