// @ts-check
/**
 * Kills and stops runs, starves them of disk and damages their journals, then resumes each with `--resume` and compares
 * its results, byte for byte, with those of an undisturbed run:
 * `npm run chaos [-- --kills 100] [--times 5] [--steps 1000] [--contigs 160] [--seed N] [--only WORD] [--out FOLDER]`.
 * kills: number of kill -9 at random moments; times: trials of each of the other faults; steps: number of file system
 * calls at which a small run is killed; only: faults whose name contains the word; out: where the table is written as a
 * result. Needs `npm run setup`, but no model: it makes a small random one in a temporary folder. Prints a table; exits
 * with 1 if anything was not survived, and then keeps the evidence in build/chaos.
 */
import { parseArgs } from 'node:util';
import { today, writeResults } from '../bench/write-results.mjs';
import { damages } from './chaos/damage.mjs';
import { disks, smallDiskMissing } from './chaos/disks.mjs';
import { kills } from './chaos/kills.mjs';
import { Laboratory } from './chaos/laboratory.mjs';
import { limits, limitMissing } from './chaos/limits.mjs';
import { owners } from './chaos/owners.mjs';
import { killAll } from './chaos/predicting.mjs';
import { refusals } from './chaos/refusals.mjs';
import { chaosReport, remarks } from './chaos/report.mjs';
import { signals } from './chaos/signals.mjs';
import { EVERY_CALL, steps } from './chaos/steps.mjs';
import { subjects } from './chaos/subjects.mjs';
import { tryFault } from './chaos/trials.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { inRepository } from './setup/repository.mjs';

/** @typedef {import('./chaos/trials.mjs').Fault} Fault */

const DEFAULTS = { kills: 100, times: 5, steps: 1000, contigs: 160, seed: Date.now() % 2 ** 32 };

function readOptions() {
  const text = /** @type {const} */ ({ type: 'string' });
  const numbers = { kills: text, times: text, steps: text, contigs: text, seed: text };
  const { values } = parseArgs({ options: { ...numbers, only: text, out: text } });
  /** @param {keyof typeof DEFAULTS} name */
  const number = (name) => {
    const value = Number(values[name] ?? DEFAULTS[name]);
    if (Number.isInteger(value) && value >= 0) return value;
    throw new SetupFailure(`Expected a whole number for --${name} but received ${values[name]}`);
  };
  const { only = '', out } = values;
  return {
    ...{ kills: number('kills'), times: number('times'), steps: number('steps') },
    ...{ contigs: number('contigs'), seed: number('seed'), only, out },
  };
}

/** @param {Laboratory} laboratory @param {ReturnType<typeof readOptions>} options @returns {Promise<Fault[]>} */
async function chooseFaults(laboratory, { kills: killCount, times, steps: stepCount, only }) {
  const all = [
    ...kills(killCount),
    ...signals(times),
    ...damages(times),
    ...disks(times),
    ...limits(times),
    ...refusals(Math.min(times, 1)),
    ...subjects(times),
    ...owners(Math.min(times, 3)),
    // Counting the calls takes a run.
    ...(stepCount > 0 && EVERY_CALL.includes(only) ? [await steps(laboratory, stepCount)] : []),
  ];
  const chosen = all
    .filter(({ name, trials, leftOut }) => name.includes(only) && (trials.length > 0 || leftOut !== undefined))
    .map(limitMissing);
  if (!chosen.some(({ name }) => name.includes('tmpfs') || name.includes('--force'))) return chosen;
  const reason = await smallDiskMissing(laboratory);
  return chosen.map((fault) =>
    reason !== undefined && /tmpfs|under --force/.test(fault.name) ? { ...fault, trials: [], leftOut: reason } : fault,
  );
}

/** @param {Laboratory} laboratory @param {ReturnType<typeof readOptions>} options */
async function wreak(laboratory, options) {
  const { seed, contigs, out } = options;
  console.error(`chaos with seed ${seed} in ${laboratory.folder}`);
  await laboratory.prepare();
  const undisturbed = await laboratory.undisturbed(laboratory.subjects.plain);
  const rows = [];
  for (const fault of await chooseFaults(laboratory, options)) {
    const row = await tryFault(fault, laboratory, {
      seed,
      evidence: (trial) => inRepository('build', 'chaos', trial),
      onTrial: (done) => {
        if (process.stderr.isTTY) process.stderr.write(`\r${fault.name}: ${done} of ${fault.trials.length} `);
      },
    });
    rows.push(row);
    console.error(`${process.stderr.isTTY ? '\r' : ''}${row.name}: ${row.trials} in ${row.seconds.toFixed(0)} s`);
    for (const remark of remarks([row])) console.error(remark);
  }
  const { report, text } = chaosReport(rows, undisturbed, { seed, contigs });
  console.log(text);
  if (out !== undefined) await writeResults(out, `${today()}-chaos`, report, text);
  return rows.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

/** @type {Laboratory | undefined} */
let laboratory;
const clean = () => {
  killAll();
  laboratory?.close();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    clean();
    process.exit(1);
  });
}
try {
  const options = readOptions();
  laboratory = new Laboratory({ contigs: options.contigs });
  process.exitCode = await wreak(laboratory, options);
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  clean();
}
