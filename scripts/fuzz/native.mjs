// @ts-check
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../setup/child.mjs';
import { SetupFailure } from '../setup/failure.mjs';
import { inRepository } from '../setup/repository.mjs';

/** The fuzzers of csrc/fuzz. @type {readonly string[]} */
export const NATIVE_NAMES = ['byte_pair', 'packed_tokens', 'file_source', 'kernels'];

/** What this machine lacks for them, with the package to install; undefined if nothing is missing. */
export async function nativeFuzzersMissing() {
  for (const [program, advice] of /** @type {const} */ ([
    ['clang++', 'On Debian and Ubuntu: apt-get install clang'],
    ['cmake', 'On Debian and Ubuntu: apt-get install cmake'],
  ])) {
    if (!(await run(program, ['--version'])).succeeded) return `${program} is missing. ${advice}`;
  }
  return undefined;
}

/** Compiles the fuzzers that changed. @returns {Promise<string>} the folder of the programs */
async function built() {
  const folder = inRepository('build', 'fuzz', 'native');
  const configure = ['-S', inRepository('csrc', 'fuzz'), '-B', folder, '-DCMAKE_CXX_COMPILER=clang++'];
  for (const words of [configure, ['--build', folder, '--parallel', '2']]) {
    const { succeeded, output } = await run('cmake', words);
    if (!succeeded) throw new SetupFailure(`The native fuzzers cannot be built:\n${output.trim()}`);
  }
  return folder;
}

/**
 * Searches with one of the native fuzzers: libFuzzer, with the address and undefined-behaviour sanitizers.
 * @param {string} target
 * @param {{ seconds: number, seed: number, minimise: boolean, corpus: readonly string[] }} options
 * @returns {Promise<import('./reader-thread.mjs').Report>}
 */
export async function fuzzNative(target, { seconds, seed, minimise, corpus }) {
  const program = join(await built(), target);
  mkdirSync(inRepository('build', 'fuzz'), { recursive: true });
  const work = mkdtempSync(inRepository('build', 'fuzz', `${target}-`));
  try {
    const [found, least] = [join(work, 'found'), join(work, 'least')];
    for (const folder of [found, least]) mkdirSync(folder);
    const given = corpus.filter((folder) => existsSync(folder));
    // Without search time, only the corpus is run.
    const limit = seconds === 0 ? '-runs=0' : `-max_total_time=${seconds}`;
    const options = [limit, `-seed=${seed}`, '-timeout=30', '-rss_limit_mb=2048', `-artifact_prefix=${work}/fault-`];
    const { succeeded, output } = await run(program, [...options, '-print_final_stats=1', found, ...given]);
    const fault = readdirSync(work).find((name) => name.startsWith('fault-'));
    if (!succeeded && fault === undefined) throw new Error(`${target} ended without a result:\n${output.trim()}`);
    if (minimise && succeeded) {
      const merged = await run(program, ['-set_cover_merge=1', '-use_counters=0', least, found, ...given]);
      if (!merged.succeeded) throw new Error(`${target}: the corpus could not be cut down:\n${merged.output.trim()}`);
    }
    return {
      executions: numberAfter(output, /number_of_executed_units: +(\d+)/g),
      branches: numberAfter(output, / cov: (\d+)/g),
      fromCorpus: numberAfter(output, /INITED cov: (\d+)/g),
      longestMilliseconds: 1000 * numberAfter(output, /slowest_unit_time_sec: +(\d+)/g),
      added: contents(found),
      minimised: minimise && succeeded ? contents(least) : undefined,
      fault: fault === undefined ? undefined : { reason: faultIn(output), input: readFileSync(join(work, fault)) },
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The last number that the expression finds. @param {string} output @param {RegExp} expression */
function numberAfter(output, expression) {
  return Number([...output.matchAll(expression)].at(-1)?.[1] ?? 0);
}

/** The sanitizer's report, without the dump of memory. @param {string} output */
function faultIn(output) {
  const lines = output.split('\n');
  const start = lines.findIndex((line) => /ERROR: |runtime error: /.test(line));
  return lines.slice(Math.max(start, 0), start + 30).join('\n');
}

/** @param {string} folder */
function contents(folder) {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name)));
}
