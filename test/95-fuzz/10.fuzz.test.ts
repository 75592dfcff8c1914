import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { fixture, repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';

const READERS = ['json', 'safetensors', 'zip', 'pickle', 'torch', 'tokenizer', 'archives', 'records'];
const NATIVE = ['byte_pair', 'packed_tokens', 'file_source', 'kernels'];
const SECONDS = 10;
/** Milliseconds; the first of the native ones compiles them all. */
const LONGEST = 600_000;

/** Runs the corpus of a target and goes on from there for a while. What it prints ends up in a failure's message. */
async function fuzz(target: string, seconds: number): Promise<{ executions: number; faults: string }> {
  const words = ['scripts/fuzz.mjs', target, '--seconds', String(seconds), '--seed', '1'];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: repositoryRoot, timeout: LONGEST });
  const row = stdout
    .trim()
    .split('\n')
    .at(-1)!
    .split('|')
    .map((cell) => cell.trim());
  assert.equal(row[1], target);
  return { executions: Number(row[3]), faults: row[7]! };
}

function corpusOf(target: string): string[] {
  return [fixture('fuzz', target), fixture('fuzz', 'regressions', target)]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder));
}

describe('fuzzing for a short while', () => {
  for (const target of READERS) {
    it(`finds no fault in the reader of ${target}`, async function () {
      this.timeout(LONGEST);
      const { executions, faults } = await fuzz(target, SECONDS);
      assert.equal(faults, 'none');
      assert.ok(executions > corpusOf(target).length);
    });
  }

  for (const target of NATIVE) {
    it(`finds no fault in the native ${target}, under the sanitizers`, async function () {
      this.timeout(LONGEST);
      const missing = await promisify(execFile)('clang++', ['--version']).then(
        () => undefined,
        () => 'clang++ is missing; on Debian and Ubuntu: apt-get install clang',
      );
      if (missing !== undefined) skip(this, missing);
      const { executions, faults } = await fuzz(target, SECONDS);
      assert.equal(faults, 'none');
      assert.ok(executions > corpusOf(target).length);
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
