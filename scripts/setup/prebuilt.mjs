// @ts-check
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { run } from './child.mjs';
import { inRepository } from './repository.mjs';

/** Both modules of the addon: lib/engine/libtorch/load.ts accepts a folder only if it has both. */
export const modules = ['virnucpro_loader.node', 'virnucpro.node'];

/** Whether the package came with an addon for this platform, by its name: it may still fail to load. */
export function isPrebuilt() {
  const folder = `${process.platform}-${process.arch}`;
  return modules.every((name) => existsSync(inRepository('prebuilds', folder, name)));
}

const loading = `
const { loadAddon } = await import(process.argv[1]);
try {
  loadAddon();
} catch ({ message }) {
  console.log(message);
  process.exitCode = 1;
}`;

/**
 * Loads the addon as a program would, in a process of its own, since a loaded library stays loaded.
 * @returns {Promise<string | undefined>} why it does not load; undefined if it does
 */
export async function loadingProblem() {
  const module = pathToFileURL(inRepository('dist', 'lib', 'engine', 'libtorch', 'load.js')).href;
  const env = { ...process.env };
  delete env['VIRNUCPRO_ADDON'];
  const { succeeded, output } = await run(process.execPath, ['--input-type=module', '-e', loading, module], { env });
  return succeeded ? undefined : (output.trim().split('\n')[0] ?? '');
}
