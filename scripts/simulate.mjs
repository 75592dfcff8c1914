// @ts-check
/**
 * Runs a command on simulated GPUs (test/simulated-gpu) instead of this machine's own: `npm run simulate -- …`.
 *
 *     node scripts/simulate.mjs [--gpus 9.0,7.5] [--memory 80,16] [--free 80,3] [--delay 50,400] [--faults none,lost@500]
 *                               [--without PROTECTION,...] [--kernels] [--report FILE] [COMMAND WORDS...]
 *
 * Lists are by GPU: compute capability, GiB of memory, GiB that other processes leave free, mean delay of a kernel in
 * microseconds, and fault. test/simulated-gpu/machine.ts has the faults and protections, report.ts what is counted.
 * --kernels makes it compile and use this project's kernels. Without a command it prints the environment to set.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { SimulatedGpus } from '../dist/test/simulated-gpu/simulated-gpus.js';

/** @typedef {import('../dist/test/simulated-gpu/machine.js').SimulatedGpu} SimulatedGpu */
/** @typedef {import('../dist/test/simulated-gpu/machine.js').SimulatedMachine} SimulatedMachine */

const { values, positionals } = parseArgs({
  options: {
    gpus: { type: 'string', default: '9.0' },
    ...{ memory: { type: 'string' }, free: { type: 'string' }, delay: { type: 'string' }, faults: { type: 'string' } },
    ...{ without: { type: 'string' }, report: { type: 'string' }, kernels: { type: 'boolean', default: false } },
  },
  allowPositionals: true,
});

/** @param {string | undefined} list @param {number} index */
const entry = (list, index) => list?.split(',')[index];

/** @returns {SimulatedMachine} */
function machine() {
  const gpus = values.gpus.split(',').map((capability, index) => {
    const [memory, free, delay] = [values.memory, values.free, values.delay].map((list) => entry(list, index));
    const fault = entry(values.faults, index);
    return /** @type {SimulatedGpu} */ ({
      capability,
      ...(memory !== undefined && { memory: Number(memory) }),
      ...(free !== undefined && { free: Number(free) }),
      ...(delay !== undefined && { delay: Number(delay) }),
      ...(fault !== undefined && fault !== 'none' && { fault }),
    });
  });
  const without = /** @type {NonNullable<SimulatedMachine['without']>} */ (values.without?.split(',') ?? []);
  const { report } = values;
  return { gpus, without, ...(values.kernels && { kernels: {} }), ...(report !== undefined && { report }) };
}

const missing = SimulatedGpus.missing();
if (missing !== undefined) {
  console.error(missing);
  process.exit(1);
}
const environment = SimulatedGpus.make().environment(machine());
const [program, ...words] = positionals;
if (program === undefined) {
  const changed = Object.entries(environment).filter(([name, value]) => process.env[name] !== value);
  for (const [name, value] of changed) console.log(`export ${name}='${value}'`);
} else {
  const { status, error } = spawnSync(program, words, { env: environment, stdio: 'inherit' });
  if (error) console.error(error.message);
  process.exitCode = status ?? 1;
}
