import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package.js';
import { supportedLibtorch } from './libtorch.js';

/**
 * The command that fetches libtorch and builds the addon: in a checkout the npm script, in an installed package (which
 * npm gives no scripts to run) the file behind it. A bundle, which has a MANIFEST.json, brings everything but libtorch.
 */
export function setupCommand(): string {
  if (isBundle()) return `python3 -m pip install 'torch==${supportedLibtorch}.*'`;
  return isCheckout() ? 'npm run setup' : `node ${join(packageRoot, 'scripts', 'setup.mjs')}`;
}

function isBundle(): boolean {
  return existsSync(join(packageRoot, 'MANIFEST.json'));
}

function isCheckout(): boolean {
  return existsSync(join(packageRoot, 'tsconfig.json'));
}

/** What fetches a libtorch for this CUDA, in words that go between brackets. */
export function setupCommandForCuda(major: number): string {
  if (isBundle())
    return `torch ${supportedLibtorch} from PyTorch's own index for it, as the torch of python3 or in LIBTORCH`;
  const argumentsOf = isCheckout() ? ' --' : '';
  return `\`${mendingCommand('LIBTORCH')}${argumentsOf} --cuda ${major}\``;
}

/** As `setupCommand`; variables that name another libtorch or addon are unset first, or they would still be asked. */
export function mendingCommand(...variables: ('LIBTORCH' | 'VIRNUCPRO_ADDON')[]): string {
  const setup = setupCommand();
  const set = variables.filter((name) => process.env[name]);
  return set.length > 0 ? `unset ${set.join(' ')}; ${setup}` : setup;
}
