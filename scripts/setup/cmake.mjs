// @ts-check
import { join } from 'node:path';
import { packageFolder } from './header-packages.mjs';
import { inRepository, repositoryRoot } from './repository.mjs';
import { findProgram } from './tools.mjs';

/** @typedef {[program: string, args: string[]]} Command */

/** Where a checkout builds. */
export const checkoutFolder = inRepository('build', 'native');

/**
 * The build of a checkout, with Node's headers from node_modules.
 * @param {string} libtorch @returns {Command}
 */
export function configureCheckout(libtorch) {
  return cmakeJs('configure', `--CDLIBTORCH=${libtorch}`);
}

/** @param {number} jobs compilers at once @returns {Command} */
export function compileCheckout(jobs) {
  return cmakeJs('build', '--parallel', String(jobs));
}

/** @param {string} command @param {...string} args @returns {Command} */
function cmakeJs(command, ...args) {
  const program = join(packageFolder('cmake-js'), 'bin', 'cmake-js');
  return [process.execPath, [program, command, '-d', repositoryRoot, '-O', checkoutFolder, '-B', 'Release', ...args]];
}

/**
 * A build by CMake itself, for where there is no cmake-js, which is a development tool.
 * @param {{ folder: string, libtorch: string, headers: string, definitions?: readonly string[] }} build headers: the
 *   folder that holds both packages with Node's headers
 * @returns {Command}
 */
export function configureFolder({ folder, libtorch, headers, definitions = [] }) {
  const generator = findProgram('ninja') ? ['-G', 'Ninja'] : [];
  const paths = [`-DLIBTORCH=${libtorch}`, `-DNODE_MODULES=${headers}`];
  const source = inRepository('csrc');
  return ['cmake', ['-S', source, '-B', folder, ...generator, '-DCMAKE_BUILD_TYPE=Release', ...paths, ...definitions]];
}

/** @param {string} folder @param {number} jobs compilers at once @returns {Command} */
export function compileFolder(folder, jobs) {
  return ['cmake', ['--build', folder, '--parallel', String(jobs)]];
}
