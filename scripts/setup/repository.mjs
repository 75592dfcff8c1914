// @ts-check
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** False in a package installed from a registry, which comes compiled and without the development tools. */
export const isCheckout = existsSync(join(repositoryRoot, 'tsconfig.json'));

/** A path below the repository's root. @param {...string} path */
export function inRepository(...path) {
  return join(repositoryRoot, ...path);
}
