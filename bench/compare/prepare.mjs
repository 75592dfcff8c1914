// @ts-check
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_SEED } from '../../dist/lib/models/random/random-model.js';
import { run } from '../../scripts/setup/child.mjs';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { randomModel, weightsFolder } from '../random-model.mjs';

/**
 * Makes a model of random weights in the cache folder, the first time only. Its other forms are made beside it.
 * @param {import('./options.mjs').Options} options
 * @returns {Promise<{ models: string, weights: string }>} the models folder, and the folder of the weights in other
 *   forms
 */
export async function prepareModel(options) {
  const esm = options.part === 'protein' ? options.esm : 'esm2_tiny';
  const dna = options.part === 'dna' ? 'dnabert_s' : 'dnabert_tiny';
  const models = await randomModel({ esm, dna, seed: DEFAULT_SEED });
  return { models, weights: weightsFolder(models) };
}

/**
 * Writes the weights in the format of another program, the first time only.
 * @param {'transformers' | 'onnx'} form @param {string} weights @param {string} python
 */
export async function convert(form, weights, python) {
  await once(join(weights, `${form}-complete`), `the same weights for ${form}`, async () => {
    await command(python, [inRepository('bench', 'compare', 'python', 'convert.py'), form, weights]);
  });
}

/** @param {string} mark @param {string} what @param {() => Promise<void>} action */
async function once(mark, what, action) {
  if (existsSync(mark)) return;
  console.error(`making ${what}`);
  await action();
  writeFileSync(mark, '');
}

/** @param {string} program @param {string[]} words */
async function command(program, words) {
  const { succeeded, output } = await run(program, words);
  if (!succeeded) throw new Error(`${program} ${words.join(' ')} failed:\n${output.trim()}`);
}
