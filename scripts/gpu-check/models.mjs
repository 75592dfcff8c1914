// @ts-check
import { statfsSync, mkdirSync } from 'node:fs';
import { describeEnd, runVirnucpro } from './command.mjs';

/**
 * Models of random weights, made one after another in the background while steps that need none run: `small` for what
 * the command does, `middle` and `large` for how fast it is.
 * @typedef {{ folder: string, small: Promise<string>, middle: Promise<string>, large: Promise<string> }} Models
 *   each resolves with the model's name
 */

const sizes = {
  small: { esm: 'esm2_t6_8M_UR50D', dna: 'dnabert_tiny', bytes: 0.1e9 },
  middle: { esm: 'esm2_t33_650M_UR50D', dna: 'dnabert_s', bytes: 1.6e9 },
  large: { esm: 'esm2_t36_3B_UR50D', dna: 'dnabert_s', bytes: 6e9 },
};
const tiny = { esm: 'esm2_tiny', dna: 'dnabert_tiny', bytes: 0.01e9 };

/** On a disk that takes longer, nothing could be measured within the time of the check either. */
const MAKING_SECONDS = 240;

/** @param {{ folder: string, quick: boolean }} where @returns {Models} */
export function startModels({ folder, quick }) {
  mkdirSync(folder, { recursive: true });
  /** @type {Promise<unknown>} */
  let before = Promise.resolve();
  /** @param {'small' | 'middle' | 'large'} name */
  const make = (name) => {
    const made = before.then(() => makeModel(name, quick ? tiny : sizes[name], folder));
    // Whoever awaits the model gets the failure; the next one is made nevertheless.
    before = made.catch(() => undefined);
    return made;
  };
  return { folder, small: make('small'), middle: make('middle'), large: make('large') };
}

/** @param {string} name @param {{ esm: string, dna: string, bytes: number }} size @param {string} folder */
async function makeModel(name, { esm, dna, bytes }, folder) {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes) {
    const gigabytes = (/** @type {number} */ count) => `${(count / 1e9).toFixed(1)} GB`;
    throw new Error(
      `a model of ${esm} takes ${gigabytes(bytes)} but ${folder} has ${gigabytes(bavail * bsize)} free: name another folder with --temporary`,
    );
  }
  const words = ['models', 'random', '--name', name, '--esm', esm, '--dna', dna, '--dtype', 'bfloat16'];
  const ended = await runVirnucpro([...words, '--models', folder], { seconds: MAKING_SECONDS });
  if (ended.code !== 0) throw new Error(`a model of ${esm} cannot be made: ${describeEnd(ended)}`);
  return name;
}
