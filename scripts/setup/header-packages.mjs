// @ts-check
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { inRepository } from './repository.mjs';

/**
 * The packages with Node's headers, which the addon is compiled against. A published package contains the headers
 * themselves, in `headers`, so that those who need no compiler do not install them.
 */
export const headerPackages = ['node-addon-api', 'node-api-headers'];

const require = createRequire(inRepository('package.json'));

/**
 * The folder where Node finds a package from here.
 * @param {string} name
 */
export function packageFolder(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    throw new SetupFailure(`The package ${name} is missing: install the packages with npm first`);
  }
}
