import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package.js';
import { supportedLibtorch } from './libtorch.js';

/**
 * The command that fetches libtorch and builds the addon: in a checkout the npm script, in an installed package (which
 * npm gives no scripts to run) the file behind it. A bundle, which has a MANIFEST.json, brings everything but libtorch.
 */
export function setupCommand(): string {
  if (existsSync(join(packageRoot, 'MANIFEST.json'))) return `python3 -m pip install 'torch==${supportedLibtorch}.*'`;
  const inCheckout = existsSync(join(packageRoot, 'tsconfig.json'));
  return inCheckout ? 'npm run setup' : `node ${join(packageRoot, 'scripts', 'setup.mjs')}`;
}

/** As `setupCommand`; variables that name another libtorch or addon are unset first, or they would still be asked. */
export function mendingCommand(...variables: ('LIBTORCH' | 'VIRNUCPRO_ADDON')[]): string {
  const setup = setupCommand();
  const set = variables.filter((name) => process.env[name]);
  return set.length > 0 ? `unset ${set.join(' ')}; ${setup}` : setup;
}
