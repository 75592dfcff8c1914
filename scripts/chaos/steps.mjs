// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NotSurvived } from './not-survived.mjs';

/** @typedef {import('./laboratory.mjs').Laboratory} Laboratory */
/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

const preload = `--import=${new URL('kill-at-call.mjs', import.meta.url).href}`;

export const EVERY_CALL = 'killed at each of its calls to the file system';

/**
 * Kills a small run at each of its calls that change the file system, kills its resume at a random call, then resumes
 * it to the end.
 * @param {Laboratory} laboratory @param {number} most of these calls, spread evenly @returns {Promise<Fault>}
 */
export async function steps(laboratory, most) {
  const count = await countCalls(laboratory);
  const tried = Math.min(most, count);
  const trials = Array.from({ length: tried }, (_, index) => killedAt(1 + Math.floor((index * count) / tried), count));
  return { name: EVERY_CALL, trials };
}

/** @param {Laboratory} laboratory @param {{ call: number, more?: readonly string[], directory: string, count?: string }} options */
function begin(laboratory, { call, more = [], directory, count }) {
  const environment = {
    NODE_OPTIONS: preload,
    VIRNUCPRO_CHAOS_CALL: String(call),
    ...(count !== undefined && { VIRNUCPRO_CHAOS_COUNT: count }),
  };
  return laboratory.begin(laboratory.subjects.few, directory, more, { environment }).ended;
}

/** @param {Laboratory} laboratory */
async function countCalls(laboratory) {
  const count = join(laboratory.folder, 'calls');
  await begin(laboratory, { call: 0, directory: laboratory.newDirectory(), count });
  laboratory.tidy();
  return Number(readFileSync(count, 'utf8'));
}

/** @param {number} call @param {number} count @returns {Trial} */
function killedAt(call, count) {
  return async (laboratory, random) => {
    const directory = laboratory.newDirectory();
    const { signal, code } = await begin(laboratory, { call, directory });
    // Some calls are made at intervals, so a quicker run has fewer.
    if (signal !== 'SIGKILL' && code !== 0) throw new NotSurvived(`not killed at call ${call}, but exit code ${code}`);
    await begin(laboratory, { call: 1 + random.below(count), more: ['--resume'], directory });
    return { ...(await laboratory.resume(laboratory.subjects.few, directory)), faults: 2 };
  };
}
