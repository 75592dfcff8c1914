// @ts-check
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from './child.mjs';
import { inRepository } from './repository.mjs';

/** Both modules of the addon: lib/engine/libtorch/addon-folder.ts accepts a folder only if it has both. */
export const modules = ['virnucpro_loader.node', 'virnucpro.node'];

/**
 * The search for the addon that the scripts share with the command, compiled.
 * @returns {Promise<typeof import('../../lib/engine/libtorch/addon-folder.js')>}
 */
export async function compiledAddonSearch() {
  return import(inRepository('dist', 'lib', 'engine', 'libtorch', 'addon-folder.js'));
}

/** Whether an addon for this platform came compiled, by its name: it may still fail to load. */
export async function isPrebuilt() {
  const { compiledFolders } = await compiledAddonSearch();
  return compiledFolders().some((folder) => modules.every((name) => existsSync(join(folder, name))));
}

const loading = `
const { loadAddon } = await import(process.argv[1]);
try {
  console.log(loadAddon().path);
} catch ({ message }) {
  console.log(message);
  process.exitCode = 1;
}`;

/**
 * Loads the addon as a program would, in a process of its own, since a loaded library stays loaded.
 * @returns {Promise<{ path: string } | { problem: string }>}
 */
export async function tryAddon() {
  const module = pathToFileURL(inRepository('dist', 'lib', 'engine', 'libtorch', 'load.js')).href;
  const env = { ...process.env };
  delete env['VIRNUCPRO_ADDON'];
  const { succeeded, output } = await run(process.execPath, ['--input-type=module', '-e', loading, module], { env });
  const line = output.trim().split('\n')[0] ?? '';
  return succeeded ? { path: line } : { problem: line };
}
