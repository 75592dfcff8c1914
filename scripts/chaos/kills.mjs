// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { journalBytes } from './predicting.mjs';

/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

/** Fractions of the kills that are of each kind; the others are spread over the run. */
const WHILE_LOADING = 0.1;
const WHILE_WRITING = 0.1;
const SEVERAL = 0.2;
const MAX_OF_ONE_RUN = 4;

/**
 * kill -9 at this many moments of a run. Several kills of one run count one by one.
 * @param {number} kills @returns {Fault[]}
 */
export function kills(kills) {
  const loading = Math.round(kills * WHILE_LOADING);
  const writing = Math.round(kills * WHILE_WRITING);
  const several = Math.round(kills * SEVERAL);
  return [
    { name: 'kill -9 anywhere in the run', trials: spread(kills - loading - writing - several) },
    { name: 'kill -9 while the model loads', trials: Array.from({ length: loading }, () => whileLoading) },
    { name: 'kill -9 while the results are written', trials: Array.from({ length: writing }, () => whileWriting) },
    { name: `kill -9 up to ${MAX_OF_ONE_RUN} times in one run`, trials: chains(several) },
  ].filter(({ trials }) => trials.length > 0);
}

/** @param {number} count @returns {Trial[]} */
function spread(count) {
  /** @type {number[] | undefined} */
  let shares;
  return Array.from({ length: count }, (_, index) => async (laboratory, random) => {
    shares ??= random.spread(count);
    const { plain } = laboratory.subjects;
    const directory = laboratory.newDirectory();
    const { journalBytes: all } = await laboratory.undisturbed(plain);
    // Half of them begin with --resume, like a job that a batch system may put into the queue again.
    const run = laboratory.begin(plain, directory, random.below(2) === 0 ? ['--resume'] : []);
    await killAtBytes(run, directory, { bytes: all * (shares[index] ?? 0), delay: random.below(20) });
    return laboratory.resume(plain, directory);
  });
}

/** @type {Trial} */
async function whileLoading(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const { untilFirst } = await laboratory.undisturbed(plain);
  const run = laboratory.begin(plain, directory);
  await killAfter(run, random.fraction() * untilFirst * 1000);
  return laboratory.resume(plain, directory);
}

/** @type {Trial} */
async function whileWriting(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const { journalBytes: all, afterLast } = await laboratory.undisturbed(plain);
  const run = laboratory.begin(plain, directory);
  await killAtBytes(run, directory, { bytes: all, delay: random.fraction() * afterLast * 1000 });
  return laboratory.resume(plain, directory);
}

/** Runs that are killed, resumed and killed again. @param {number} kills @returns {Trial[]} */
function chains(kills) {
  /** @type {number[]} */
  const lengths = [];
  for (let left = kills; left > 0; left -= lengths.at(-1) ?? left) {
    lengths.push(Math.min(left, 2 + (lengths.length % (MAX_OF_ONE_RUN - 1))));
  }
  return lengths.map((length) => async (laboratory, random) => {
    const { plain } = laboratory.subjects;
    const directory = laboratory.newDirectory();
    const { journalBytes: all, untilFirst } = await laboratory.undisturbed(plain);
    for (let kill = 0; kill < length; kill++) {
      const run = laboratory.begin(plain, directory, ['--resume']);
      const before = journalBytes(directory);
      const isEarly = random.below(3) === 0;
      // Early: while the model is loading or the journal is being read.
      if (isEarly) await killAfter(run, random.fraction() * untilFirst * 1100);
      else await killAtBytes(run, directory, { bytes: before + random.fraction() * (all - before) * 0.6, delay: 0 });
    }
    return { ...(await laboratory.resume(plain, directory)), faults: length };
  });
}

/** @param {import('./predicting.mjs').Running} run @param {number} milliseconds */
async function killAfter(run, milliseconds) {
  await sleep(milliseconds);
  run.send('SIGKILL');
  await run.ended;
}

/**
 * @param {import('./predicting.mjs').Running} run @param {string} directory
 * @param {{ bytes: number, delay: number }} moment bytes of the journal, then milliseconds
 */
export async function killAtBytes(run, directory, { bytes, delay }) {
  if (await run.until(() => journalBytes(directory) >= bytes)) await sleep(delay);
  run.send('SIGKILL');
  await run.ended;
}
