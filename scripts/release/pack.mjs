// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkForeign } from '../bundle/binaries.mjs';
import { run } from '../setup/child.mjs';
import { SetupFailure } from '../setup/failure.mjs';

/** What npm would take as a reason to run something on a user's machine. */
const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare', 'dependencies'];

/**
 * Packs a staged package.
 * @param {string} folder @param {string} output
 * @returns {Promise<import('./trial.mjs').Packed>}
 */
export async function packFolder(folder, output) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (existsSync(join(folder, 'binding.gyp')) || hooks.some((name) => manifest.scripts?.[name]))
    throw new SetupFailure(`Expected nothing that runs on installation in ${manifest.name}`);
  checkForeign(folder);
  const words = ['pack', '--json', '--pack-destination', output];
  const { succeeded, output: text } = await run('npm', words, { cwd: folder });
  if (!succeeded) throw new SetupFailure(`npm pack failed: ${text.trim()}`);
  const tarball = join(output, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`);
  if (!existsSync(tarball)) throw new SetupFailure(`Expected npm pack to write ${tarball} but it says: ${text.trim()}`);
  return { manifest, tarball };
}
