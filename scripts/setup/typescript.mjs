// @ts-check
import { existsSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { filesBelow, fingerprint, readStamp, removeStamp, writeStamp } from './fingerprint.mjs';
import { inRepository, repositoryRoot } from './repository.mjs';

const stamp = inRepository('dist', '.virnucpro-setup');

/** What dist/ has to be compiled from, and whether it is. */
function state() {
  const sources = ['lib', 'test'].flatMap((folder) => filesBelow(inRepository(folder))).filter(isSource);
  const settings = ['tsconfig.json', 'node_modules/typescript/package.json'].map((file) => inRepository(file));
  const wanted = fingerprint([...settings, ...sources]);
  const complete = sources.every((source) => existsSync(compiledFrom(source)));
  return { sources, wanted, complete, upToDate: complete && readStamp(stamp) === wanted };
}

/** Whether dist/ is what setup compiles from these sources. */
export function isCompiled() {
  return state().upToDate;
}

/** Compiles lib/ and test/ into dist/. @param {import('./step.mjs').Step} step */
export async function compileTypeScript(step) {
  const { sources, wanted, complete, upToDate } = state();
  if (upToDate) return step.upToDate();
  removeStamp(stamp);
  removeOrphans(sources);
  // By its own record the compiler would skip files that it once wrote and that were removed since.
  if (!complete) rmSync(inRepository('dist', '.tsbuildinfo'), { force: true });
  const { succeeded, output } = await run(
    process.execPath,
    [inRepository('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'],
    { cwd: repositoryRoot },
  );
  if (!succeeded) throw new SetupFailure(`TypeScript does not compile:\n${output.trim()}`);
  writeStamp(stamp, wanted);
  step.done(`compiled ${sources.length} files`);
}

/** @param {string} path */
function isSource(path) {
  return path.endsWith('.ts') && !path.endsWith('.d.ts');
}

/** @param {string} source */
function compiledFrom(source) {
  return inRepository('dist', relative(repositoryRoot, source).replace(/\.ts$/, '.js'));
}

/**
 * Removes outputs without a source: an old test would still run, an old module still import.
 * @param {string[]} sources
 */
function removeOrphans(sources) {
  const wanted = new Set(sources.map(compiledFrom));
  const outputs = ['lib', 'test'].flatMap((folder) => filesBelow(inRepository('dist', folder)));
  for (const output of outputs) {
    if (!wanted.has(output.replace(/(\.d\.ts|\.js\.map)$/, '.js'))) rmSync(output);
  }
}
