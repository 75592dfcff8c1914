// @ts-check
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { inRepository } from './repository.mjs';

/** The packages with Node's headers, which the addon is compiled against. */
export const headerPackages = ['node-addon-api', 'node-api-headers'];

const require = createRequire(inRepository('package.json'));

/**
 * The folder where Node finds a package from here: package managers put it beside this package, above it or inside it.
 * @param {string} name
 */
export function packageFolder(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    throw new SetupFailure(`The package ${name} is missing: install the packages with npm first`);
  }
}

/** One folder that links to both header packages, wherever they lie: csrc/CMakeLists.txt expects one folder. */
export function gatherHeaderPackages() {
  const folder = inRepository('build', 'header-packages');
  mkdirSync(folder, { recursive: true });
  for (const name of headerPackages) {
    rmSync(join(folder, name), { force: true });
    symlinkSync(packageFolder(name), join(folder, name));
  }
  return folder;
}
