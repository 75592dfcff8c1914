// @ts-check
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { libcProblem } from '../../bin/c-library.js';
import { cacheFolder } from './cache-folder.mjs';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { isPrebuilt } from './prebuilt.mjs';
import { inRepository, isCheckout } from './repository.mjs';
import { diskSpace, torch } from './versions.mjs';

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
  refuse([libcProblem(), npm, ...(builds ? await missingBuildTools() : []), ...(await missingForDownload())]);
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

/** Checked only when a download may be needed: no libtorch was given, and none was fetched yet. */
async function missingForDownload() {
  const cache = cacheFolder();
  const fetched = join(cache, `libtorch-${torch.version}-${process.platform}-${process.arch}`);
  if (process.env['LIBTORCH'] || existsSync(fetched)) return [];
  if (statSync(cache, { throwIfNoEntry: false })?.isFile())
    return [`The cache ${cache} is a file: remove it, or \`export VIRNUCPRO_CACHE=/a/folder\``];
  return [await missingPip(), missingSpace(cache)];
}

async function missingPip() {
  if (!findProgram('python3')) return 'python3 is missing: `apt-get install python3 python3-pip`';
  const { succeeded } = await run('python3', ['-m', 'pip', '--version']);
  return succeeded ? undefined : 'pip is missing for python3: `apt-get install python3-pip`';
}

/** @param {string} folder */
function missingSpace(folder) {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  const free = freeSpace(existing);
  if (free === undefined || free >= diskSpace.cpu) return undefined;
  return (
    `libtorch needs ${diskSpace.cpu} GB but ${existing} has ${free.toFixed(1)} GB free: ` +
    'make room, or `export VIRNUCPRO_CACHE=/a/larger/disk`, or `export LIBTORCH=/an/unpacked/libtorch`'
  );
}

/** Gigabytes; undefined if the system does not report it. @param {string} folder */
function freeSpace(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return (bavail * bsize) / 1e9;
  } catch {
    return undefined;
  }
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
