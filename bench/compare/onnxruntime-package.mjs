// @ts-check
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/setup/cache-folder.mjs';
import { run } from '../../scripts/setup/child.mjs';

export const onnxruntimeVersion = '1.30.0';

/**
 * Installs onnxruntime-node in the cache folder, the first time only: 290 MB that the project itself does not need.
 * @returns {Promise<string>} the package's folder
 */
export async function onnxruntimePackage() {
  const folder = join(cacheFolder(), `bench-onnxruntime-${onnxruntimeVersion}`);
  const complete = join(folder, 'complete');
  if (!existsSync(complete)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    // Its install scripts would fetch the libraries for CUDA; those for the CPU are in the package.
    const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `onnxruntime-node@${onnxruntimeVersion}`];
    const { succeeded, output } = await run('npm', words, { cwd: folder });
    if (!succeeded) throw new Error(`Could not install onnxruntime-node: ${output.trim()}`);
    writeFileSync(complete, '');
  }
  return join(folder, 'node_modules', 'onnxruntime-node');
}
