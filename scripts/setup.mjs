// @ts-check
/**
 * Sets up a checkout from nothing to runnable: `npm run setup`. In an installed package, whose TypeScript comes
 * compiled, it only provides libtorch and the addon.
 *
 *     node scripts/setup.mjs [--cuda [12 | 13] | --no-cuda] [step ...]
 *
 * Steps run in the order below, all of them when none is named; a step with nothing to do says so.
 * libtorch's CUDA libraries are fetched where there is an NVIDIA driver; --cuda fetches them without one, e.g. on the
 * login node of a cluster, --no-cuda leaves them out. They are those of CUDA 13, or of CUDA 12 where the driver
 * supports nothing newer; --cuda 12 fetches those of CUDA 12 anywhere.
 */
import '../bin/refuse-old-node.js';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAddon, provideAddon } from './setup/addon.mjs';
import { cacheFolder } from './setup/cache-folder.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { provideLibtorch } from './setup/libtorch.mjs';
import { withLock } from './setup/lock.mjs';
import { installPackages } from './setup/packages.mjs';
import { inRepository, isCheckout, repositoryRoot } from './setup/repository.mjs';
import { Step } from './setup/step.mjs';
import { checkTools } from './setup/tools.mjs';
import { compileTypeScript } from './setup/typescript.mjs';

/**
 * @typedef {{ cuda: boolean | undefined, major: import('./setup/versions.mjs').CudaMajor | undefined }} Options
 * cuda: whether the CUDA libraries are wanted; major: of which CUDA; undefined: the machine decides
 */
/** @typedef {(step: Step, options: Options) => Promise<void>} Action */

/** @type {Record<string, Action>} */
const steps = isCheckout
  ? {
      tools: checkTools,
      packages: installPackages,
      typescript: compileTypeScript,
      libtorch: provideLibtorch,
      addon: buildAddon,
    }
  : { tools: checkTools, libtorch: provideLibtorch, addon: provideAddon };

/** @param {string} name @param {Options} options */
async function runStep(name, options) {
  const step = new Step(name);
  try {
    await steps[name]?.(step, options);
  } finally {
    step.interrupted();
  }
}

/** @type {readonly import('./setup/versions.mjs').CudaMajor[]} */
const majors = [12, 13];

function readArguments() {
  const args = process.argv.slice(2);
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { cuda: { type: 'boolean' } },
      allowPositionals: true,
      allowNegative: true,
    });
    const major = values.cuda ? majors.find((number) => positionals.includes(String(number))) : undefined;
    const names = positionals.filter((name) => name !== String(major));
    if (names.every((name) => Object.hasOwn(steps, name))) return { cuda: values.cuda, major, names };
  } catch {
    // Reported below, in one line for every kind of mistake.
  }
  const names = Object.keys(steps).join(', ');
  throw new SetupFailure(
    `Expected --cuda (12 or 13 may follow), --no-cuda or steps (${names}) but received \`${args.join(' ')}\``,
  );
}

async function setUp() {
  const { cuda, major, names } = readArguments();
  await withLock(
    // A package manager's folder is left as it was made.
    isCheckout ? inRepository('build', 'setup.lock') : join(cacheFolder(), 'setup.lock'),
    (holder) => console.log(`Waiting for another setup of ${repositoryRoot} (${holder})`),
    async () => {
      for (const name of names.length > 0 ? names : Object.keys(steps)) await runStep(name, { cuda, major });
    },
  );
}

/** The system's refusals, e.g. to write into a package that another user installed, are no fault of the scripts. */
const refusals = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EEXIST'];

/** @param {unknown} error @returns {error is Error} whether its message alone explains it */
function explainsItself(error) {
  if (error instanceof SetupFailure) return true;
  return error instanceof Error && 'code' in error && refusals.includes(String(error.code));
}

try {
  await setUp();
} catch (error) {
  if (!explainsItself(error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
