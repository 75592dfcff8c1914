// @ts-check
import { killAtBytes } from './kills.mjs';

/** @typedef {import('./laboratory.mjs').Laboratory} Laboratory */
/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

/** kill -9 in runs of other kinds than the plain one. @param {number} times of each @returns {Fault[]} */
export function subjects(times) {
  /** @param {Trial} trial */
  const often = (trial) => Array.from({ length: times }, () => trial);
  return [
    { name: 'kill -9, input from a pipe', trials: often(killedWith('standardInput')) },
    { name: 'kill -9, gzip input', trials: often(killedWith('gzip')) },
    { name: 'kill -9, --save-embeddings --keep-intermediate', trials: often(killedWith('everything')) },
    { name: 'kill -9, --triage', trials: often(killedWith('triage')) },
    { name: 'kill -9, resumed with compressed input', trials: often(killedWith('plain', 'gzip')) },
  ];
}

/** @param {keyof Laboratory['subjects']} begun @param {keyof Laboratory['subjects']} resumed @returns {Trial} */
function killedWith(begun, resumed = begun) {
  return async (laboratory, random) => {
    const directory = laboratory.newDirectory();
    const { journalBytes } = await laboratory.undisturbed(laboratory.subjects[begun]);
    const run = laboratory.begin(laboratory.subjects[begun], directory);
    await killAtBytes(run, directory, { bytes: journalBytes * 0.95 * random.fraction(), delay: 0 });
    return laboratory.resume(laboratory.subjects[resumed], directory);
  };
}
