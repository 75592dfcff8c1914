import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../repository.js';

interface Target {
  run(bytes: Buffer): unknown;
  mutate: unknown;
  dictionary: readonly Buffer[];
  longest: number;
}

interface Search {
  readonly kept: readonly { bytes: Buffer }[];
  readonly branches: number;
  take(bytes: Buffer): Promise<boolean>;
  next(): Buffer;
  minimised(): Promise<Buffer[]>;
}

interface Modules {
  Search: new (target: Target, counters: Uint32Array, seed: number) => Search;
  mutated: unknown;
  instrument: (
    folder: string,
    parts: readonly string[],
    isCounted: (path: string) => boolean,
  ) => { counters: number; strings: string[]; numbers: number[] };
}

async function scripts(): Promise<Modules> {
  const modules = ['search', 'mutations', 'instrument'].map(
    (name) => import(pathToFileURL(join(repositoryRoot, 'scripts', 'fuzz', `${name}.mjs`)).href) as Promise<object>,
  );
  return Object.assign({}, ...(await Promise.all(modules))) as Modules;
}

/** A fault behind four consecutive letters, each of them a branch. */
function hidden(counters: Uint32Array): (bytes: Buffer) => void {
  return (bytes) => {
    counters[0]!++;
    for (let count = 1; count <= 4; count++) {
      if (bytes[count - 1] !== 'fuzz'.charCodeAt(count - 1)) return;
      counters[count]!++;
    }
    throw new Error('found');
  };
}

describe('the search for faults', () => {
  it('finds one behind branches that it has to take one after another', async () => {
    const { Search, mutated } = await scripts();
    const counters = new Uint32Array(5);
    const target = { run: hidden(counters), mutate: mutated, dictionary: [Buffer.from('x')], longest: 16 };
    const search = new Search(target, counters, 1);
    await search.take(Buffer.from('a'));
    await assert.rejects(async () => {
      for (let count = 0; count < 500_000; count++) await search.take(search.next());
    }, /found/);
    assert.equal(search.branches, 4);
  });

  it('keeps an input for every branch, and cuts it down to what takes it', async () => {
    const { Search, mutated } = await scripts();
    const counters = new Uint32Array(3);
    const run = (bytes: Buffer): void => {
      counters[0]!++;
      if (bytes.includes('one')) counters[1]!++;
      if (bytes.includes('two')) counters[2]!++;
    };
    const search = new Search({ run, mutate: mutated, dictionary: [], longest: 64 }, counters, 1);
    for (const text of ['nothing', 'nothing at all', 'it is one of these', 'or one of two', 'again one and two']) {
      await search.take(Buffer.from(text));
    }
    assert.equal(search.kept.length, 3);
    assert.deepEqual((await search.minimised()).map(String), ['', 'onetwo']);
  });

  it('counts every branch of the sources, and leaves what they do as it is', async () => {
    const { instrument } = await scripts();
    const folder = mkdtempSync(join(tmpdir(), 'virnucpro-fuzz-'));
    try {
      const parts = ['errors.ts', 'models/checkpoint/checkpoint-file.ts', 'models/json.ts'];
      const { counters, strings } = instrument(folder, parts, (path) => path.startsWith('models/'));
      const counts = new Uint32Array(counters);
      Reflect.set(globalThis, '__fuzzCounters', counts);
      const strictJson = pathToFileURL(join(folder, 'models', 'json.js')).href;
      const { parseStrictJson } = (await import(strictJson)) as { parseStrictJson: (text: string) => unknown };
      assert.deepEqual(parseStrictJson('{"a":[1]}'), { a: [1] });
      const taken = counts.filter((count) => count > 0).length;
      assert.throws(() => parseStrictJson('{"a":1,"a":2}'), /appears twice/);
      assert.ok(counts.filter((count) => count > 0).length > taken);
      assert.ok(strings.includes('float8_e4m3fn') && !strings.some((text) => text.startsWith('./')));
    } finally {
      Reflect.deleteProperty(globalThis, '__fuzzCounters');
      rmSync(folder, { recursive: true });
    }
  });
});
