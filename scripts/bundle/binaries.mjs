// @ts-check
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../setup/child.mjs';
import { SetupFailure } from '../setup/failure.mjs';
import { filesBelow } from '../setup/fingerprint.mjs';
import { modules } from '../setup/prebuilt.mjs';
import { repositoryRoot } from '../setup/repository.mjs';
import { findProgram } from '../setup/tools.mjs';

/**
 * @typedef {object} Binary
 * @property {string} name within the bundle
 * @property {string} path of the stripped copy
 * @property {number} original bytes before stripping
 * @property {number} bytes
 * @property {string[]} libraries that it is linked to
 * @property {Record<string, string>} requires the newest required version of each interface, e.g. GLIBC: 2.28
 */

/** What every Linux has, and libtorch. Anything else would have to go into the bundle too. */
const systemLibraries =
  /^(ld-linux.*|linux-vdso|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)|libtorch_cpu|libc10)\.so(\.\d+)*$/;

/**
 * Prepares stripped copies of Node, the addon and its loader.
 * @param {string} addonFolder @param {string} folder for the copies @returns {Promise<Binary[]>}
 */
export async function prepareBinaries(addonFolder, folder) {
  const prebuilds = `prebuilds/${process.platform}-${process.arch}`;
  return prepareAll(
    [
      { name: 'runtime/node', source: process.execPath },
      ...modules.map((name) => ({ name: `${prebuilds}/${name}`, source: join(addonFolder, name) })),
    ],
    folder,
  );
}

/**
 * Prepares stripped copies of the addon and its loader alone.
 * @param {string} addonFolder @param {string} folder for the copies @returns {Promise<Binary[]>}
 */
export async function prepareModules(addonFolder, folder) {
  return prepareAll(
    modules.map((name) => ({ name, source: join(addonFolder, name) })),
    folder,
  );
}

/** @param {{ name: string, source: string }[]} wanted @param {string} folder */
async function prepareAll(wanted, folder) {
  for (const name of ['strip', 'readelf', 'objdump']) {
    if (!findProgram(name)) throw new SetupFailure(`${name} is missing: \`apt-get install binutils\``);
  }
  mkdirSync(folder, { recursive: true });
  const binaries = [];
  for (const { name, source } of wanted) {
    if (!existsSync(source)) throw new SetupFailure(`Expected ${source} but there is none. Run \`npm run setup\``);
    binaries.push(await prepare(name, source, join(folder, basename(source))));
  }
  return binaries;
}

/** @param {string} name @param {string} source @param {string} path @returns {Promise<Binary>} */
async function prepare(name, source, path) {
  await output('strip', ['-o', path, source]);
  chmodSync(path, 0o755);
  const dynamic = await output('readelf', ['--dynamic', '--wide', path]);
  const libraries = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] ?? '');
  if (/\((RPATH|RUNPATH)\)/.test(dynamic)) throw new SetupFailure(`Expected no run path in ${source}`);
  const foreign = libraries.find((library) => !systemLibraries.test(library));
  if (foreign !== undefined) {
    throw new SetupFailure(
      `${source} needs ${foreign}, which other machines do not have: use Node as nodejs.org distributes it, ` +
        'e.g. `nvm install 22`, and run this with it',
    );
  }
  const requires = newestVersions(await output('objdump', ['--dynamic-syms', path]));
  return { name, path, original: statSync(source).size, bytes: statSync(path).size, libraries, requires };
}

/** @param {string} symbols as objdump lists them */
function newestVersions(symbols) {
  /** @type {Record<string, string>} */
  const newest = {};
  for (const [, name = '', version = ''] of symbols.matchAll(/\b(GLIBC|GLIBCXX|CXXABI)_([\d.]+)/g)) {
    if (newest[name] === undefined || isNewer(version, newest[name])) newest[name] = version;
  }
  return newest;
}

/** @param {string} one @param {string} other */
export function isNewer(one, other) {
  return one.localeCompare(other, 'en', { numeric: true }) > 0;
}

/** Refuses files that contain a path of this machine. @param {string} folder */
export function checkForeign(folder) {
  // A home called /root or /home appears in many texts that do not mean this one.
  const paths = [repositoryRoot, homedir()].filter((path) => path.lastIndexOf('/') > 0);
  for (const file of filesBelow(folder)) {
    const bytes = readFileSync(file);
    const path = paths.find((candidate) => bytes.includes(candidate));
    if (path !== undefined) throw new SetupFailure(`Expected nothing of this machine but ${file} has ${path}`);
  }
}

/** @param {string} program @param {string[]} words */
async function output(program, words) {
  const { succeeded, output: text } = await run(program, words, { env: { ...process.env, LC_ALL: 'C' } });
  if (!succeeded) throw new SetupFailure(`${program} failed: ${text.trim()}`);
  return text;
}
