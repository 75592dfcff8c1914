// @ts-check
/** All checks of the sources; a failing one does not stop the rest: `npm run lint`. */
import { spawnSync } from 'node:child_process';
import { inRepository, repositoryRoot } from './setup/repository.mjs';

/** @type {Record<string, string[]>} */
const checks = {
  eslint: [inRepository('node_modules', 'eslint', 'bin', 'eslint.js'), '.'],
  prettier: [inRepository('node_modules', 'prettier', 'bin', 'prettier.cjs'), '--check', '--log-level', 'warn', '.'],
  'clang-format': [inRepository('scripts', 'clang-format.mjs'), '--check'],
  'types of lib and test': [inRepository('node_modules', 'typescript', 'bin', 'tsc'), '--noEmit'],
  'types of scripts': [inRepository('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'scripts'],
};

const failed = Object.entries(checks).filter(([name, command]) => {
  const { status } = spawnSync(process.execPath, command, { cwd: repositoryRoot, stdio: 'inherit' });
  console.log(`${status === 0 ? 'passed' : 'FAILED'}  ${name}`);
  return status !== 0;
});
if (failed.length > 0) process.exitCode = 1;
