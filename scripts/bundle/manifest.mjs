// @ts-check
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from '../setup/child.mjs';
import { filesBelow } from '../setup/fingerprint.mjs';
import { inRepository, repositoryRoot } from '../setup/repository.mjs';

/** @type {{ name: string, version: string }} */
export const project = JSON.parse(readFileSync(inRepository('package.json'), 'utf8'));

/** The time of the files if there is no commit: 2000-01-01. */
const NO_COMMIT = 946_684_800;

/** @typedef {{ revision: string | null, seconds: number }} Source revision: as git describes it; seconds: of its commit, since 1970 */

/** What the bundle is made from. $SOURCE_DATE_EPOCH overrides the commit's time. @returns {Promise<Source>} */
export async function sourceOf() {
  const revision = await git('describe', '--always', '--dirty', '--tags');
  const seconds = process.env['SOURCE_DATE_EPOCH'] ?? (await git('log', '-1', '--format=%ct'));
  return { revision, seconds: /^\d+$/.test(seconds ?? '') ? Number(seconds) : NO_COMMIT };
}

/** @param {...string} words */
async function git(...words) {
  // --git-dir, since a repository around this folder would be another project's.
  const { succeeded, output } = await run('git', ['-C', repositoryRoot, '--git-dir=.git', ...words]);
  return succeeded ? output.trim() : null;
}

/**
 * MANIFEST.json: the contents of the bundle, with the hash of every other file.
 * @param {string} folder
 * @param {{ libtorch: string, source: Source, binaries: import('./binaries.mjs').Binary[],
 *   portability: import('./portability.mjs').Portability,
 *   packages: import('./dependencies.mjs').BundledPackage[] }} made
 */
export function manifestOf(folder, { libtorch, source, binaries, portability, packages }) {
  const files = filesBelow(folder).map((path) => {
    const bytes = readFileSync(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { name: relative(folder, path), bytes: bytes.length, sha256 };
  });
  const manifest = {
    formatVersion: 1,
    name: project.name,
    version: project.version,
    source: source.revision,
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
    libtorch,
    requires: portability.requires,
    binaries: binaries.map(({ name, libraries, requires }) => ({ name, libraries, requires })),
    packages: packages.map(({ name, version, license }) => ({ name, version, license })),
    files: files.sort((one, other) => (one.name < other.name ? -1 : 1)),
  };
  return { name: 'MANIFEST.json', text: `${JSON.stringify(manifest, null, 2)}\n` };
}
