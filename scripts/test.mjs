// @ts-check
/**
 * Runs the tests, several files at a time: `npm test [-- FILE ...] [OPTIONS OF MOCHA]`. Without a file it runs all but
 * the slow ones, which test/slow.json lists and `npm run test:slow` runs; a folder stands for all the files below it. A
 * single file runs in one process, so that a debugger can attach and its output appears at once.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { inRepository, repositoryRoot } from './setup/repository.mjs';

const SOURCE = /\.test\.ts$/;

/** Mocha's options that take a value, so that the value is not mistaken for a file. */
const OPTIONS_WITH_VALUE = /** @type {const} */ ({
  fgrep: { type: 'string', short: 'f' },
  grep: { type: 'string', short: 'g' },
  jobs: { type: 'string', short: 'j' },
  reporter: { type: 'string', short: 'R' },
  'reporter-option': { type: 'string', short: 'O' },
  retries: { type: 'string' },
  timeout: { type: 'string', short: 't' },
});

/** @param {string} path a test or a folder of tests @returns {string[]} the sources of its tests */
function testsAt(path) {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  const files = isFolder
    ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
    : [];
  const tests = (isFolder ? files : [path]).filter(
    (file) => SOURCE.test(file) && statSync(file, { throwIfNoEntry: false }),
  );
  if (tests.length > 0) return tests;
  console.error(`Expected a test (*.test.ts) or a folder of tests but received ${path}`);
  process.exit(1);
}

/** @param {boolean} slow @returns {string[]} the slow tests, or all the others */
function testsOfSpeed(slow) {
  /** @type {string[]} */
  const names = JSON.parse(readFileSync(inRepository('test', 'slow.json'), 'utf8'));
  const slowTests = names.flatMap((name) => testsAt(inRepository('test', name)));
  return slow ? slowTests : testsAt(inRepository('test')).filter((path) => !slowTests.includes(path));
}

const isSlow = process.argv[2] === 'slow';
const words = process.argv.slice(isSlow ? 3 : 2);
const settings = { strict: false, allowPositionals: true, tokens: /** @type {const} */ (true) };
const named = parseArgs({ args: words, options: OPTIONS_WITH_VALUE, ...settings }).tokens.filter(
  (token) => token.kind === 'positional',
);
const tests = named.length > 0 ? named.flatMap(({ value }) => testsAt(resolve(value))) : testsOfSpeed(isSlow);
// The later folders run whole programs, which takes longest. Started first, they leave the short tests to fill the
// gaps.
const compiled = [...new Set(tests.map((path) => relative(repositoryRoot, path)))]
  .sort()
  .reverse()
  .map((path) => inRepository('dist', path.replace(/\.ts$/, '.js')));
// One more than there are cores, as many tests spend time waiting.
const parallel = compiled.length > 1 ? ['--parallel', '--jobs', String(availableParallelism() + 1)] : [];
const options = words.filter((_, index) => named.every((token) => token.index !== index));
const { status, signal } = spawnSync(
  process.execPath,
  [inRepository('node_modules', 'mocha', 'bin', 'mocha.js'), ...parallel, ...options, ...compiled],
  { cwd: repositoryRoot, stdio: 'inherit' },
);
if (signal) process.kill(process.pid, signal);
process.exitCode = status ?? 1;
