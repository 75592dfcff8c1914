// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { NotSurvived } from './not-survived.mjs';
import { journalBytes, describeEnd } from './predicting.mjs';
import { manifestIn, wrongFiles } from './results.mjs';

/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

/** Signals that ask a run to stop, then a resume. @param {number} times of each @returns {Fault[]} */
export function signals(times) {
  /** @param {Trial} trial */
  const often = (trial) => Array.from({ length: times }, () => trial);
  return [
    { name: 'Ctrl-C', trials: often(stoppedBy('SIGINT', 130)) },
    { name: 'SIGTERM', trials: often(stoppedBy('SIGTERM', 143)) },
    { name: 'SIGHUP', trials: often(stoppedBy('SIGHUP', 129)) },
    { name: 'SIGTERM, soon after it SIGKILL (Slurm)', trials: often(preempted) },
    { name: 'Ctrl-C twice', trials: often(twice) },
  ];
}

/**
 * Starts a run of the plain subject and waits until somewhere midway. Not until the end: a complete run ignores
 * signals.
 * @param {Parameters<Trial>[0]} laboratory @param {Parameters<Trial>[1]} random @param {string} directory
 */
async function midway(laboratory, random, directory) {
  const { plain } = laboratory.subjects;
  const { journalBytes: all } = await laboratory.undisturbed(plain);
  const run = laboratory.begin(plain, directory);
  const bytes = all * (0.05 + 0.85 * random.fraction());
  await run.until(() => journalBytes(directory) >= bytes);
  return run;
}

/** @param {NodeJS.Signals} signal @param {number} code @returns {Trial} */
function stoppedBy(signal, code) {
  return async (laboratory, random) => {
    const { plain } = laboratory.subjects;
    const directory = laboratory.newDirectory();
    const run = await midway(laboratory, random, directory);
    run.send(signal);
    const ended = await run.ended;
    if (ended.code !== code) throw new NotSurvived(`expected exit code ${code}, but ${describeEnd(ended)}`);
    const outcome = manifestIn(directory)?.outcome;
    if (outcome !== 'stopped') throw new NotSurvived(`what is finished should be there, but the outcome is ${outcome}`);
    if (wrongFiles(directory).length > 0) throw new NotSurvived(`run.json is not of ${wrongFiles(directory).join()}`);
    return laboratory.resume(plain, directory);
  };
}

/** @type {Trial} */
async function preempted(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const { seconds } = await laboratory.undisturbed(plain);
  const run = laboratory.begin(plain, directory, ['--resume']);
  await sleep(random.fraction() * seconds * 1000);
  run.send('SIGTERM');
  await sleep(random.fraction() * 150);
  run.send('SIGKILL');
  await run.ended;
  return laboratory.resume(plain, directory);
}

/** @type {Trial} */
async function twice(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const run = await midway(laboratory, random, directory);
  run.send('SIGINT');
  await run.until(() => run.errors.includes('"event":"stopping"'));
  run.send('SIGINT');
  await run.ended;
  return laboratory.resume(plain, directory);
}
