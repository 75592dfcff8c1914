// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Files about the run itself, above all its times, which therefore differ from run to run. */
const OF_THE_RUN = ['run.json', 'run.log'];

/** @typedef {Map<string, string>} Results names of result files, each with the SHA-256 of its bytes */

/** @param {string} directory @returns {Results} */
export function resultsIn(directory) {
  const names = readdirSync(directory).filter((name) => !OF_THE_RUN.includes(name));
  return new Map(names.sort().map((name) => [name, hashOf(join(directory, name))]));
}

/** @param {string} path */
function hashOf(path) {
  if (statSync(path).isDirectory()) return 'a folder';
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Describes the differences; empty if there are none. @param {Results} expected @param {Results} found */
export function difference(expected, found) {
  const names = [...new Set([...expected.keys(), ...found.keys()])];
  return names
    .filter((name) => expected.get(name) !== found.get(name))
    .map((name) => `${name} ${!found.has(name) ? 'is missing' : expected.has(name) ? 'differs' : 'is left over'}`)
    .join(', ');
}

/** @param {string} directory @returns {any} run.json; undefined if there is none */
export function manifestIn(directory) {
  const path = join(directory, 'run.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/**
 * Files that differ from what run.json says of them, whatever the outcome.
 * @param {string} directory
 */
export function wrongFiles(directory) {
  const manifest = manifestIn(directory);
  /** @type {{ name: string, sha256: string }[]} */
  const files = manifest?.files ?? [];
  return files
    .filter(({ name, sha256 }) => !existsSync(join(directory, name)) || hashOf(join(directory, name)) !== sha256)
    .map(({ name }) => name);
}
