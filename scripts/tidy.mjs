// @ts-check
/**
 * clang-tidy over csrc, by csrc/.clang-tidy, two files at a time: `npm run tidy -- [part of a path ...]`. Takes
 * minutes, as libtorch's headers are parsed again for every file. Without clang-tidy it says what to install, and
 * passes.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from './setup/child.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { chosenLibtorch } from './setup/libtorch.mjs';
import { inRepository, repositoryRoot } from './setup/repository.mjs';
import { findProgram } from './setup/tools.mjs';

const AT_ONCE = 2;

/** The sources to check; also writes the commands that compile them. @returns {Promise<string[]>} */
async function configured() {
  const { root } = await chosenLibtorch();
  const folder = inRepository('build', 'tidy');
  const definitions = [
    `-DLIBTORCH=${root}`,
    '-DCMAKE_CXX_COMPILER=clang++',
    '-DVIRNUCPRO_UNITY_BUILD=OFF',
    '-DVIRNUCPRO_WARNINGS_AS_ERRORS=OFF',
  ];
  const { succeeded, output } = await run('cmake', ['-S', inRepository('csrc'), '-B', folder, ...definitions]);
  if (!succeeded) throw new SetupFailure(`CMake cannot configure csrc for clang:\n${output.trim()}`);
  /** @type {{ file: string }[]} */
  const commands = JSON.parse(readFileSync(inRepository('build', 'tidy', 'compile_commands.json'), 'utf8'));
  const wanted = process.argv.slice(2);
  return commands
    .map(({ file }) => relative(repositoryRoot, file))
    .filter((file) => file.startsWith('csrc'))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
}

/** @param {string} file @returns {Promise<boolean>} */
async function check(file) {
  const start = performance.now();
  const words = ['--quiet', '-p', inRepository('build', 'tidy'), file];
  const { succeeded, output } = await run('clang-tidy', words, { cwd: repositoryRoot });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${succeeded ? 'passed' : 'FAILED'}  ${file} (${seconds} s)`);
  if (!succeeded) console.error(output.trim());
  return succeeded;
}

try {
  const missing = ['clang-tidy', 'clang++', 'cmake'].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    console.error(
      `csrc is not checked, ${missing.join(', ')} missing. On Debian and Ubuntu: apt-get install clang clang-tidy cmake`,
    );
  } else {
    const files = await configured();
    let failed = 0;
    const next = async () => {
      for (let file = files.shift(); file !== undefined; file = files.shift()) if (!(await check(file))) failed++;
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    if (failed > 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
