// @ts-check
/**
 * Formats the C++ of csrc/, test/simulated-gpu/ and test/cuda-emulation/; with --check it only reports files that are
 * not formatted. clang-format is pinned, since every release breaks lines a little differently; it is fetched into the
 * cache at first use.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './setup/cache-folder.mjs';
import { run } from './setup/child.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { filesBelow } from './setup/fingerprint.mjs';
import { withLock } from './setup/lock.mjs';
import { nameFor, thisProcess } from './setup/process-identity.mjs';
import { inRepository, repositoryRoot } from './setup/repository.mjs';

const clangFormat = { name: 'clang-format', version: '21.1.8' };

async function provideClangFormat() {
  const folder = join(cacheFolder(), `clang-format-${clangFormat.version}-${process.arch}`);
  if (!existsSync(folder))
    await withLock(
      `${folder}.lock`,
      () => undefined,
      () => fetchInto(folder),
    );
  return join(folder, 'clang_format', 'data', 'bin', 'clang-format');
}

/** @param {string} folder */
async function fetchInto(folder) {
  if (existsSync(folder)) return;
  for (const name of readdirSync(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (path.startsWith(`${folder}.partial-`)) rmSync(path, { recursive: true, force: true });
  }
  const partial = `${folder}.partial-${nameFor(thisProcess())}`;
  const wanted = `${clangFormat.name}==${clangFormat.version}`;
  const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--target', partial];
  const { succeeded, output } = await run('python3', ['-m', 'pip', 'install', ...options, wanted]);
  if (!succeeded) throw new SetupFailure(`Could not fetch ${wanted}: ${output.trim().split('\n').at(-1) ?? ''}`);
  renameSync(partial, folder);
}

try {
  const program = await provideClangFormat();
  const folders = [inRepository('csrc'), inRepository('test', 'simulated-gpu'), inRepository('test', 'cuda-emulation')];
  const files = folders.flatMap((folder) => filesBelow(folder)).filter((path) => /\.(cc|h|cu|cuh)$/.test(path));
  const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
  const { succeeded, output } = await run(program, [...mode, ...files], { cwd: repositoryRoot });
  if (!succeeded) throw new SetupFailure(`${output.trim()}\nRun \`npm run format\``);
  console.log(`clang-format: ${files.length} files`);
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
