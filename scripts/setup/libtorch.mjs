// @ts-check
import { SetupFailure } from './failure.mjs';
import { inRepository } from './repository.mjs';

/** @typedef {import('./step.mjs').Step} Step */
/** @typedef {import('../../lib/engine/libtorch/find-libtorch.js').Libtorch} Libtorch */
/** @typedef {import('../../lib/setup/provide-libtorch.js').ProvideLibtorchOptions} ProvideLibtorchOptions */

/** Finds libtorch, or fetches it into the cache. @param {Step} step @param {ProvideLibtorchOptions} options */
export async function provideLibtorch(step, options) {
  /** @type {typeof import('../../lib/setup/provide-libtorch.js')} */
  const library = await import(inRepository('dist', 'lib', 'setup', 'provide-libtorch.js'));
  await library.provideLibtorch(step, options);
}

/** The libtorch that the addon is built against. @returns {Promise<Libtorch>} */
export async function chosenLibtorch() {
  /** @type {typeof import('../../lib/engine/libtorch/find-libtorch.js')} */
  const { findLibtorch, setupCommand } = await import(
    inRepository('dist', 'lib', 'engine', 'libtorch', 'find-libtorch.js')
  );
  const { chosen } = findLibtorch();
  if (!chosen) throw new SetupFailure(`There is no libtorch: run \`${setupCommand()}\``);
  return chosen;
}
