// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../setup/cache-folder.mjs';
import { run } from '../setup/child.mjs';
import { withLock } from '../setup/lock.mjs';

/**
 * A Python environment in the cache folder, made the first time that it is asked for.
 * @typedef {object} EnvironmentOptions
 * @property {string} name begins its folder's name
 * @property {string} requirements path of a file that lists every package with its version
 * @property {string} download what is downloaded, for the one who waits
 */

/**
 * Where the environment is, or will be. Other packages or another Python make another environment: none is ever changed
 * in place.
 * @param {EnvironmentOptions} options
 */
async function folderOf({ name, requirements }) {
  const version = await output('python3', ['-c', 'import platform; print(platform.python_version())']);
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  return join(cacheFolder(), `${name}-${version}-${digest}`);
}

/**
 * @param {EnvironmentOptions} options
 * @returns {Promise<string | undefined>} the interpreter's path if the environment is complete
 */
export async function existingEnvironment(options) {
  const folder = await folderOf(options);
  return existsSync(join(folder, 'complete')) ? join(folder, 'bin', 'python') : undefined;
}

/**
 * @param {EnvironmentOptions} options
 * @param {(text: string) => void} [say] called before slow steps
 * @returns {Promise<string>} the interpreter's path
 */
export async function pythonEnvironment(options, say = () => {}) {
  const folder = await folderOf(options);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return python;
  await withLock(
    `${folder}.lock`,
    (holder) => say(`waiting for ${holder}, which makes ${folder}`),
    async () => {
      if (existsSync(complete)) return;
      rmSync(folder, { recursive: true, force: true });
      say(`making the Python environment ${folder} (downloads ${options.download}, once)`);
      await output('python3', ['-m', 'venv', folder]);
      await output(python, [
        ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir'],
        ...['--no-deps', '--only-binary=:all:', '-r', options.requirements],
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
