// @ts-check
import { join } from 'node:path';
import { gatherHeaderPackages, packageFolder } from './header-packages.mjs';
import { inRepository, isCheckout, repositoryRoot } from './repository.mjs';
import { findProgram } from './tools.mjs';

/** @typedef {[program: string, args: string[]]} Command */

const folder = inRepository('build', 'native');

/** @param {string} libtorch @returns {Command} */
export function configureCommand(libtorch) {
  if (isCheckout) return cmakeJs('configure', `--CDLIBTORCH=${libtorch}`);
  const generator = findProgram('ninja') ? ['-G', 'Ninja'] : [];
  const definitions = [`-DLIBTORCH=${libtorch}`, `-DNODE_MODULES=${gatherHeaderPackages()}`];
  return ['cmake', ['-S', repositoryRoot, '-B', folder, ...generator, '-DCMAKE_BUILD_TYPE=Release', ...definitions]];
}

/** @param {number} jobs compilers at once @returns {Command} */
export function compileCommand(jobs) {
  const parallel = ['--parallel', String(jobs)];
  return isCheckout ? cmakeJs('build', ...parallel) : ['cmake', ['--build', folder, ...parallel]];
}

/**
 * cmake-js is a development tool: an installed package comes without it and calls CMake itself.
 * @param {string} command @param {...string} args @returns {Command}
 */
function cmakeJs(command, ...args) {
  const program = join(packageFolder('cmake-js'), 'bin', 'cmake-js');
  return [process.execPath, [program, command, '-d', repositoryRoot, '-O', folder, '-B', 'Release', ...args]];
}
