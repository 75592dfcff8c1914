// @ts-check
import { existsSync } from 'node:fs';
import { buildAddon, provideAddon } from './addon.mjs';
import { SetupFailure } from './failure.mjs';
import { provideLibtorch } from './libtorch.mjs';
import { withLock } from './lock.mjs';
import { installPackages } from './packages.mjs';
import { inRepository, isCheckout, repositoryRoot } from './repository.mjs';
import { Step } from './step.mjs';
import { checkTools } from './tools.mjs';
import { compileTypeScript } from './typescript.mjs';

/** @typedef {import('../../lib/setup/provide-libtorch.js').ProvideLibtorchOptions} Options */
/** @typedef {(step: Step, options: Options) => Promise<void>} Action */

/** A bundle, which comes with the addon, has a manifest. */
const isBundle = existsSync(inRepository('MANIFEST.json'));

/** @returns {Record<string, Action>} */
function stepsOfThisPlace() {
  if (isCheckout) {
    return {
      tools: checkTools,
      packages: installPackages,
      typescript: compileTypeScript,
      libtorch: provideLibtorch,
      addon: buildAddon,
    };
  }
  return isBundle
    ? { libtorch: provideLibtorch }
    : { tools: checkTools, libtorch: provideLibtorch, addon: provideAddon };
}

const steps = stepsOfThisPlace();
export const stepNames = Object.keys(steps);

/**
 * Runs steps, one after the other.
 * @param {readonly string[]} names all steps if there is none; names that are no steps here are skipped
 * @param {Options} options
 * @throws {SetupFailure} for every failure that its message explains
 */
export async function runSteps(names, options) {
  const run = async () => {
    for (const name of stepNames) if (names.length === 0 || names.includes(name)) await runStep(name, options);
  };
  try {
    // Elsewhere the steps lock what they write, which is in the cache.
    if (isCheckout) await withLock(inRepository('build', 'setup.lock'), sayWaiting, run);
    else await run();
  } catch (error) {
    throw explainsItself(error) ? new SetupFailure(error.message, { cause: error }) : error;
  }
}

/** @param {string} holder */
function sayWaiting(holder) {
  console.log(`Waiting for another setup of ${repositoryRoot} (${holder})`);
}

/** @param {string} name @param {Options} options */
async function runStep(name, options) {
  const step = new Step(name);
  try {
    await steps[name]?.(step, options);
  } finally {
    step.interrupted();
  }
}

/** The system's refusals, e.g. to write into a package that another user installed, are no fault of the scripts. */
const refusals = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EEXIST'];

/** @param {unknown} error @returns {error is Error} whether its message alone explains it */
function explainsItself(error) {
  if (!(error instanceof Error)) return false;
  if (['SetupFailure', 'VirnucproError'].includes(error.name)) return true;
  return 'code' in error && refusals.includes(String(error.code));
}
