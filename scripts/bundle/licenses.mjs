// @ts-check
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SetupFailure } from '../setup/failure.mjs';
import { inRepository } from '../setup/repository.mjs';

/** The file with the licences of Node and of all that is compiled into it. @param {string} [given] */
export function findNodeLicense(given) {
  const prefix = dirname(dirname(process.execPath));
  const usual = ['LICENSE', 'share/doc/nodejs/LICENSE', 'share/doc/node/LICENSE', 'share/licenses/nodejs/LICENSE'];
  const places = given === undefined ? usual.map((name) => join(prefix, name)) : [resolve(given)];
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new SetupFailure(
    `Expected the licence of Node in ${places.join(' or ')}: give the LICENSE file of its distribution with --node-license`,
  );
}

/** The names of the files in a package that say how it is licensed. @param {string} folder */
export function licenseFiles(folder) {
  return readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
}

/** The licence of a package that comes without its text; undefined if none is kept here. @param {string} name */
export function noticeOf(name) {
  const path = inRepository('scripts', 'bundle', 'notices', `${name}.txt`);
  return existsSync(path) ? path : undefined;
}
