import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (
      existsSync(manifest) &&
      (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'virnucpro'
    ) {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error(`Expected a package.json of virnucpro above ${start}`);
  }
}

/** The checkout that the tests run from, whether compiled into `dist/` or elsewhere below it. */
export const repositoryRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

/** A file or folder under `test/fixtures`. */
export function fixture(...path: string[]): string {
  return join(repositoryRoot, 'test', 'fixtures', ...path);
}
