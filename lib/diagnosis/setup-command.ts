import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package.js';

/**
 * The command that fetches libtorch and builds the addon: in a checkout the npm script, in an installed package the file
 * behind it. Variables that name another libtorch or addon are unset first, or they would still be asked.
 */
export function mendingCommand(...variables: ('LIBTORCH' | 'VIRNUCPRO_ADDON')[]): string {
  const inCheckout = existsSync(join(packageRoot, 'tsconfig.json'));
  const setup = inCheckout ? 'npm run setup' : `node ${join(packageRoot, 'scripts', 'setup.mjs')}`;
  const set = variables.filter((name) => process.env[name]);
  return set.length > 0 ? `unset ${set.join(' ')}; ${setup}` : setup;
}
