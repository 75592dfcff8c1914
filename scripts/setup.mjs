// @ts-check
/**
 * Sets up a checkout from nothing to runnable: `npm run setup`. In an installed package, whose TypeScript comes
 * compiled, it only provides libtorch and the addon, as `virnucpro setup` does.
 *
 *     node scripts/setup.mjs [--cuda [12 | 13] | --no-cuda] [--index URL] [--find-links PLACE ...] [step ...]
 *
 * Steps run in the order of scripts/setup/run-steps.mjs, all of them when none is named; a step with nothing to do says
 * so. libtorch's CUDA libraries are fetched where there is an NVIDIA driver; --cuda fetches them without one, e.g. on
 * the login node of a cluster, --no-cuda leaves them out. They are those of CUDA 13, or of CUDA 12 where the driver
 * supports nothing newer; --cuda 12 fetches those of CUDA 12 anywhere.
 */
import '../bin/refuse-old-node.js';
import { parseArgs } from 'node:util';
import { SetupFailure } from './setup/failure.mjs';
import { runSteps, stepNames } from './setup/run-steps.mjs';

/** @type {readonly import('../lib/setup/wheel-table.js').CudaMajor[]} */
const majors = [12, 13];

function readArguments() {
  const args = process.argv.slice(2);
  try {
    const { values, positionals } = parseArgs({
      args,
      options: {
        cuda: { type: 'boolean' },
        index: { type: 'string' },
        'find-links': { type: 'string', multiple: true },
      },
      allowPositionals: true,
      allowNegative: true,
    });
    const major = values.cuda ? majors.find((number) => positionals.includes(String(number))) : undefined;
    const names = positionals.filter((name) => name !== String(major));
    const { cuda, index, 'find-links': findLinks } = values;
    const options = { cuda, major, ...(index !== undefined && { index }), ...(findLinks && { findLinks }) };
    if (names.every((name) => stepNames.includes(name))) return { options, names };
  } catch {
    // Reported below, in one line for every kind of mistake.
  }
  throw new SetupFailure(
    `Expected --cuda (12 or 13 may follow), --no-cuda, --index, --find-links or steps (${stepNames.join(', ')}) but ` +
      `received \`${args.join(' ')}\``,
  );
}

try {
  const { options, names } = readArguments();
  await runSteps(names, options);
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
