// @ts-check
import { NotSurvived } from './not-survived.mjs';
import { Random } from './random.mjs';

/** @typedef {import('./laboratory.mjs').Laboratory} Laboratory */

/**
 * The result of a trial that was survived.
 * @typedef {import('./laboratory.mjs').Tally & { faults?: number }} Outcome `faults`: of this trial, by default 1
 */

/**
 * One try, in a directory of its own. Rejects with NotSurvived.
 * @typedef {(laboratory: Laboratory, random: Random) => Promise<Outcome>} Trial
 */

/**
 * A kind of fault.
 * @typedef {object} Fault
 * @property {string} name
 * @property {readonly Trial[]} trials
 * @property {string} [leftOut] why it cannot be tried here
 */

/**
 * @typedef {object} Row the result of a fault's trials
 * @property {string} name
 * @property {number} faults
 * @property {number} trials
 * @property {string[]} problems one for each trial that was not survived
 * @property {number} journaled frames
 * @property {number} again frames
 * @property {number} seconds
 * @property {string | undefined} leftOut
 */

/**
 * Runs all trials of a fault.
 * @param {Fault} fault @param {Laboratory} laboratory
 * @param {{ seed: number, evidence: (trial: string) => string, onTrial: (done: number) => void }} options
 *   evidence: the folder for the evidence of a trial that went wrong
 * @returns {Promise<Row>}
 */
export async function tryFault({ name, trials, leftOut }, laboratory, { seed, evidence, onTrial }) {
  const random = new Random(seed, name);
  const start = performance.now();
  /** @type {Row} */
  const row = { name, faults: 0, trials: trials.length, problems: [], journaled: 0, again: 0, seconds: 0, leftOut };
  for (const [index, trial] of trials.entries()) {
    try {
      const { faults = 1, journaled, again } = await trial(laboratory, random);
      row.faults += faults;
      row.journaled += journaled;
      row.again += again;
    } catch (error) {
      if (!(error instanceof NotSurvived)) throw error;
      row.faults++;
      const folder = evidence(`${name}-${index}`.replaceAll(/[^a-z0-9]+/g, '-'));
      laboratory.keepEvidence(folder);
      row.problems.push(`${error.message} (kept in ${folder})`);
    }
    laboratory.tidy();
    onTrial(index + 1);
  }
  row.seconds = (performance.now() - start) / 1000;
  return row;
}
