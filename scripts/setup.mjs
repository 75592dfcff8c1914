// @ts-check
/**
 * Sets a checkout up, from nothing to runnable: `npm run setup`.
 *
 *     node scripts/setup.mjs [--cuda | --no-cuda] [step ...]
 *
 * Steps run in the order below, all of them when none is named; a step that has nothing to do says so.
 * libtorch's CUDA libraries are fetched where there is an NVIDIA driver; --cuda fetches them without one, e.g. on the
 * login node of a cluster, --no-cuda leaves them out.
 */
import { parseArgs } from 'node:util';
import { buildAddon } from './setup/addon.mjs';
import { makeDemoModel } from './setup/demo-model.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { provideLibtorch } from './setup/libtorch.mjs';
import { withLock } from './setup/lock.mjs';
import { installPackages } from './setup/packages.mjs';
import { inRepository, isCheckout } from './setup/repository.mjs';
import { Step } from './setup/step.mjs';
import { checkTools } from './setup/tools.mjs';
import { compileTypeScript } from './setup/typescript.mjs';

/** @typedef {{ cuda: boolean | undefined }} Options cuda: undefined where the machine decides */
/** @typedef {(step: Step, options: Options) => Promise<void>} Action */

/** @type {Record<string, Action>} An installed package comes compiled: it lacks only libtorch. */
const steps = isCheckout
  ? {
      tools: checkTools,
      packages: installPackages,
      typescript: compileTypeScript,
      libtorch: provideLibtorch,
      addon: buildAddon,
      model: makeDemoModel,
    }
  : { tools: checkTools, libtorch: provideLibtorch };

/** @param {string} name @param {Options} options */
async function runStep(name, options) {
  const action = steps[name];
  if (!action) throw new SetupFailure(`Expected a step of ${Object.keys(steps).join(', ')} but received ${name}`);
  const step = new Step(name);
  try {
    await action(step, options);
  } finally {
    step.interrupted();
  }
}

async function setUp() {
  const { values, positionals } = parseArgs({
    options: { cuda: { type: 'boolean' } },
    allowPositionals: true,
    allowNegative: true,
  });
  const names = positionals.length > 0 ? positionals : Object.keys(steps);
  await withLock(
    inRepository('build', 'setup.lock'),
    (holder) => console.log(`Waiting for another setup of this checkout (${holder})`),
    async () => {
      for (const name of names) await runStep(name, { cuda: values.cuda });
    },
  );
}

try {
  await setUp();
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
