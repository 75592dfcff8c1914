// @ts-check
/**
 * Fuzzes the parts that read other people's files, with malformed files and vocabularies, guided by the branches that
 * they take: `npm run fuzz -- [target...] [--seconds 60] [--seed 1] [--minimise]`. The readers in TypeScript run as
 * they are; the native parts are built with clang, its address and undefined-behaviour sanitizers and libFuzzer.
 * Starts from the corpus in test/fixtures/fuzz; --minimise replaces it by what was found, cut down to what is needed.
 * Prints a table; exits with 1 after a fault, whose input is then in build/fuzz/faults.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from '../bench/write-results.mjs';
import { fuzzNative, nativeFuzzersMissing, NATIVE_NAMES } from './fuzz/native.mjs';
import { READER_NAMES } from './fuzz/reader-targets.mjs';
import { fuzzReader } from './fuzz/readers.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { inRepository } from './setup/repository.mjs';

/** @param {Uint8Array} bytes */
function nameOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** @param {string} folder @param {readonly Uint8Array[]} inputs */
function write(folder, inputs) {
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) writeFileSync(join(folder, nameOf(input)), input);
}

/** @param {string | undefined} text @param {string} name @param {number} fallback */
function numberOption(text, name, fallback) {
  const number = Number(text ?? fallback);
  if (!Number.isInteger(number) || number < 0) {
    throw new SetupFailure(`Expected a whole number for --${name} but received ${text}`);
  }
  return number;
}

/** @param {string} target @param {{ seconds: number, seed: number, minimise: boolean }} options */
async function fuzz(target, options) {
  const corpus = inRepository('test', 'fixtures', 'fuzz', target);
  const folders = [corpus, inRepository('test', 'fixtures', 'fuzz', 'regressions', target)];
  const fuzzer = NATIVE_NAMES.includes(target) ? fuzzNative : fuzzReader;
  const report = await fuzzer(target, { ...options, corpus: folders });
  if (report.fault) {
    const faults = inRepository('build', 'fuzz', 'faults', target);
    write(faults, [report.fault.input]);
    console.error(`${target}: ${report.fault.reason}\nThe input: ${join(faults, nameOf(report.fault.input))}`);
  }
  if (report.minimised) {
    rmSync(corpus, { recursive: true, force: true });
    write(corpus, report.minimised);
  }
  const slowest = `${report.longestMilliseconds.toFixed(0)} ms`;
  const inputs = readdirSync(corpus).length;
  return {
    failed: report.fault !== undefined,
    cells: [target, options.seconds, report.executions, `${report.fromCorpus} to ${report.branches}`, slowest, inputs],
  };
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string' }, seed: { type: 'string' }, minimise: { type: 'boolean' } },
  });
  /** @type {readonly string[]} */
  const all = [...READER_NAMES, ...NATIVE_NAMES];
  const unknown = positionals.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new SetupFailure(`Expected ${all.join(', ')} but received ${unknown}`);
  const chosen = positionals.length > 0 ? positionals : all;
  const missing = chosen.some((name) => NATIVE_NAMES.includes(name)) ? await nativeFuzzersMissing() : undefined;
  if (missing !== undefined && positionals.length > 0) throw new SetupFailure(missing);
  if (missing !== undefined) console.error(`The native parts are left out: ${missing}`);
  const options = {
    seconds: numberOption(values.seconds, 'seconds', 60),
    seed: numberOption(values.seed, 'seed', Date.now() % 2 ** 32),
    minimise: values.minimise ?? false,
  };
  const rows = [];
  for (const target of chosen) {
    if (missing !== undefined && NATIVE_NAMES.includes(target)) continue;
    const { failed, cells } = await fuzz(target, options);
    if (failed) process.exitCode = 1;
    rows.push([...cells, failed ? 'FAULT' : 'none']);
  }
  const titles = ['target', 'seconds', 'executions', 'branches', 'slowest input', 'corpus', 'faults'];
  console.log(markdownTable(titles, rows));
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
