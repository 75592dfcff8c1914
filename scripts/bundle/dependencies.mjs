// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { SetupFailure } from '../setup/failure.mjs';
import { inRepository } from '../setup/repository.mjs';
import { licenseFiles, noticeOf } from './licenses.mjs';

/** @typedef {{ version: string, license?: string, dependencies?: Record<string, string> }} Locked */
/** @typedef {{ path: string, name: string, version: string, license: string }} BundledPackage path: from the repository's root */

/**
 * The packages needed at run time, by package-lock.json, in the order of their paths.
 * @returns {BundledPackage[]}
 */
export function productionPackages() {
  const lock = JSON.parse(readFileSync(inRepository('package-lock.json'), 'utf8'));
  /** @type {Record<string, Locked>} */
  const locked = lock.packages;
  /** @type {Set<string>} */
  const found = new Set();
  /** @param {string} from */
  const addDependenciesOf = (from) => {
    for (const name of Object.keys(locked[from]?.dependencies ?? {})) {
      const path = resolved(locked, from, name);
      if (found.has(path)) continue;
      found.add(path);
      addDependenciesOf(path);
    }
  };
  addDependenciesOf('');
  return [...found].sort().map((path) => installed(path, locked[path]));
}

/**
 * As Node resolves: inside the package that asks, then beside it, then beside those around it.
 * @param {Record<string, Locked>} locked
 * @param {string} from
 * @param {string} name
 */
function resolved(locked, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (locked[path]) return path;
    if (folder === '') throw new SetupFailure(`Expected ${name} in package-lock.json, for ${from || 'this package'}`);
  }
}

/** @param {string} path @param {Locked | undefined} entry @returns {BundledPackage} */
function installed(path, entry) {
  const manifest = inRepository(path, 'package.json');
  const there = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : undefined;
  if (!entry || there?.version !== entry.version) {
    const found = there === undefined ? 'is not there' : `is ${there.version}`;
    throw new SetupFailure(`Expected ${path} ${entry?.version ?? ''} but it ${found}. Run \`npm run setup\``);
  }
  const license = entry.license ?? there.license;
  if (typeof license !== 'string') throw new SetupFailure(`Expected ${path} to say its licence`);
  const hasText = licenseFiles(inRepository(path)).length > 0 || noticeOf(there.name) !== undefined;
  if (!hasText && !/licen[cs]e/i.test(readFileSync(readmeOf(path), 'utf8'))) {
    throw new SetupFailure(`Expected ${path} to have the text of its licence`);
  }
  return { path, name: there.name, version: entry.version, license };
}

/** The readme, in which some small packages have their licence. @param {string} path */
function readmeOf(path) {
  const names = ['README.md', 'readme.md', 'Readme.md', 'README.markdown', 'README'];
  return (
    names.map((name) => inRepository(path, name)).find((file) => existsSync(file)) ?? inRepository(path, 'package.json')
  );
}
