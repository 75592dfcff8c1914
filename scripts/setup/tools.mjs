// @ts-check
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { libcProblem } from '../../bin/c-library.js';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { isPrebuilt } from './prebuilt.mjs';
import { inRepository, isCheckout } from './repository.mjs';

/** @typedef {import('./step.mjs').Step} Step */

/**
 * Looks for everything that the later steps call, and reports all that is missing at once.
 * Programs are only looked up; they are started only if something is to be fetched or built with them.
 * @param {Step} step
 */
export async function checkTools(step) {
  const builds = isCheckout || !(await isPrebuilt());
  const npm =
    isCheckout && !findProgram('npm') ? 'npm is missing: it comes with Node, else `apt-get install npm`' : undefined;
  refuse([libcProblem(), npm, ...(builds ? await missingBuildTools() : [])]);
  step.say('all present');
}

/** Checked again before a build: it may be the only step, or needed because the package's addon does not load. */
export async function checkBuildTools() {
  refuse(await missingBuildTools());
}

/** @param {(string | undefined)[]} missing descriptions of what is missing */
function refuse(missing) {
  const lines = missing.filter((line) => line !== undefined);
  if (lines.length > 0) throw new SetupFailure(lines.join('\n'));
}

/** The path of a program on PATH. @param {string} name */
export function findProgram(name) {
  const candidates = name.includes('/')
    ? [resolve(name)]
    : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder || '.', name));
  return candidates.find((path) => isExecutable(path));
}

/** The compiler that CMake will choose. */
export function findCompiler() {
  const names = process.env['CXX'] ? [process.env['CXX']] : ['c++', 'g++', 'clang++'];
  return names.map((name) => findProgram(name)).find((path) => path !== undefined);
}

async function missingBuildTools() {
  const compiler = findCompiler();
  return [
    compiler ? await missingStandard(compiler) : 'A C++17 compiler is missing: `apt-get install g++`',
    findProgram('cmake') ? undefined : 'cmake is missing: `apt-get install cmake`',
    findProgram('ninja') || findProgram('make') ? undefined : 'ninja or make is missing: `apt-get install ninja-build`',
  ];
}

/** @param {string} compiler */
async function missingStandard(compiler) {
  if (existsSync(inRepository('build', 'Release', 'virnucpro.node'))) return undefined;
  const source = inRepository('scripts', 'setup', 'standard-probe.cc');
  const { succeeded } = await run(compiler, ['-std=c++17', '-fsyntax-only', source]);
  return succeeded ? undefined : `${compiler} does not compile C++17: install GCC >= 9, e.g. \`apt-get install g++\``;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
