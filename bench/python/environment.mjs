// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../scripts/setup/cache-folder.mjs';
import { run } from '../../scripts/setup/child.mjs';
import { withLock } from '../../scripts/setup/lock.mjs';

/**
 * The benches' Python environment: `node bench/python/environment.mjs` makes it in the cache folder, the first time
 * only, and prints the path of its interpreter. It downloads 2.9 GB and takes 4.2 GB on disk, nearly all of it CUDA
 * libraries that torch's Linux wheel is linked to.
 */

const requirements = join(dirname(fileURLToPath(import.meta.url)), 'requirements.txt');

/**
 * @param {(text: string) => void} [say] called before slow steps
 * @returns {Promise<string>} the interpreter's path
 */
export async function pythonEnvironment(say = () => {}) {
  const version = await output('python3', ['-c', 'import platform; print(platform.python_version())']);
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  // Other packages or another Python make another environment: none is ever changed in place.
  const folder = join(cacheFolder(), `bench-python-${version}-${digest}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return python;
  await withLock(
    `${folder}.lock`,
    (holder) => say(`waiting for ${holder}, which makes ${folder}`),
    async () => {
      if (existsSync(complete)) return;
      rmSync(folder, { recursive: true, force: true });
      say(`making the Python environment ${folder} (downloads 2.9 GB, once)`);
      await output('python3', ['-m', 'venv', folder]);
      await output(python, [
        ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir'],
        ...['--no-deps', '--only-binary=:all:', '-r', requirements],
      ]);
      writeFileSync(complete, '');
    },
  );
  return python;
}

/** @param {string} command @param {string[]} words */
async function output(command, words) {
  const { succeeded, output: text } = await run(command, words);
  if (!succeeded) throw new Error(`Could not run ${command} ${words.join(' ')}:\n${text.trim()}`);
  return text.trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(await pythonEnvironment((text) => console.error(text)));
}
