// @ts-check
import { copyFileSync, existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/setup/cache-folder.mjs';
import { run } from '../../scripts/setup/child.mjs';
import { inRepository } from '../../scripts/setup/repository.mjs';

export const modelName = 'bench';

/**
 * Makes a model of random weights in the cache folder, the first time only. Whatever else is made of it is beside it.
 * @param {import('./options.mjs').Options} options
 * @returns {Promise<{ models: string, weights: string }>} the folder of models, and the one with the weights in other forms
 */
export async function prepareModel(options) {
  const esm = options.part === 'protein' ? options.esm : 'esm2_tiny';
  const dna = options.part === 'dna' ? 'dnabert_s' : 'dnabert_tiny';
  const models = join(cacheFolder(), 'bench-models', options.part === 'protein' ? esm : dna);
  const weights = join(models, modelName);
  await once(
    join(models, 'model-complete'),
    `a random model of ${options.part === 'protein' ? esm : dna}`,
    async () => {
      await command(process.execPath, [
        ...[inRepository('bin', 'virnucpro.js'), 'models', 'random', '--models', models, '--name', modelName],
        ...['--esm', esm, '--dna', dna, '--dtype', 'float32', '--force'],
      ]);
    },
  );
  return { models, weights: other(models, weights) };
}

/** A folder with the archives under short names. @param {string} models @param {string} model */
function other(models, model) {
  const folder = join(models, 'weights');
  mkdirSync(folder, { recursive: true });
  for (const part of ['protein', 'dna']) {
    const target = join(folder, `${part}.pt`);
    if (existsSync(target)) continue;
    try {
      linkSync(join(model, part, 'model.pt'), target);
    } catch {
      copyFileSync(join(model, part, 'model.pt'), target);
    }
  }
  return folder;
}

/**
 * Writes the weights in the form that another program reads, the first time only.
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
