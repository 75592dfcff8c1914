import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { fixture, repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';

const READERS = ['json', 'safetensors', 'zip', 'pickle', 'torch', 'tokenizer', 'archives', 'records'];
const NATIVE = ['byte_pair', 'packed_tokens', 'file_source', 'kernels'];
const SECONDS = 10;
/** Milliseconds; the first native target compiles all of them. */
const LONGEST = 600_000;

interface Fuzzed {
  readonly executions: number;
  readonly faults: string;
}

/** Runs the corpus of a target and continues from there for a while. Its output becomes part of a failure's message. */
async function fuzz(target: string, signal: AbortSignal): Promise<Fuzzed> {
  const words = ['scripts/fuzz.mjs', target, '--seconds', String(SECONDS), '--seed', '1'];
  const options = { cwd: repositoryRoot, timeout: LONGEST, signal };
  const { stdout } = await promisify(execFile)(process.execPath, words, options);
  const row = stdout
    .trim()
    .split('\n')
    .at(-1)!
    .split('|')
    .map((cell) => cell.trim());
  assert.equal(row[1], target);
  return { executions: Number(row[3]), faults: row[7]! };
}

/** Runs the targets one after another, without waiting for a test's turn. @returns each target's result */
function fuzzInTurn(targets: readonly string[], signal: AbortSignal): Map<string, Promise<Fuzzed>> {
  let before: Promise<unknown> = Promise.resolve();
  return new Map(
    targets.map((target) => {
      const fuzzed = before.then(() => fuzz(target, signal));
      // A failure is reported by the test that awaits it.
      before = fuzzed.catch(() => undefined);
      return [target, fuzzed];
    }),
  );
}

function corpusOf(target: string): string[] {
  return [fixture('fuzz', target), fixture('fuzz', 'regressions', target)]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder));
}

describe('fuzzing for a short while', () => {
  let readers: ReadonlyMap<string, Promise<Fuzzed>>;
  let native: ReadonlyMap<string, Promise<Fuzzed>>;
  let missing: string | undefined;
  const enough = new AbortController();
  before(async () => {
    missing = await promisify(execFile)('clang++', ['--version']).then(
      () => undefined,
      () => 'clang++ is missing; on Debian and Ubuntu: apt-get install clang',
    );
    // Each takes one core. The first native target builds all of them, so no other may run at the same time.
    readers = fuzzInTurn(READERS, enough.signal);
    native = fuzzInTurn(missing === undefined ? NATIVE : [], enough.signal);
  });

  // Ends those that no test awaited.
  after(() => enough.abort());

  async function findsNoFault(target: string, fuzzed: Promise<Fuzzed> | undefined): Promise<void> {
    const { executions, faults } = await fuzzed!;
    assert.equal(faults, 'none');
    assert.ok(executions > corpusOf(target).length);
  }

  for (const target of READERS) {
    it(`finds no fault in the reader of ${target}`, function () {
      this.timeout(LONGEST);
      return findsNoFault(target, readers.get(target));
    });
  }

  for (const target of NATIVE) {
    it(`finds no fault in the native ${target}, under the sanitizers`, function () {
      this.timeout(LONGEST);
      if (missing !== undefined) skip(this, missing);
      return findsNoFault(target, native.get(target));
    });
  }

  it('starts from a corpus of less than 500 kB', () => {
    const bytes = [...READERS, ...NATIVE].map((target) => {
      const names = corpusOf(target);
      assert.ok(names.length > 0, target);
      return readdirSync(fixture('fuzz', target))
        .map((name) => statSync(fixture('fuzz', target, name)).size)
        .reduce((sum, size) => sum + size, 0);
    });
    assert.ok(bytes.reduce((sum, size) => sum + size, 0) < 500_000);
  });
});
