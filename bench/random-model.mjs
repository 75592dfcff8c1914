// @ts-check
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../scripts/setup/cache-folder.mjs';
import { run } from '../scripts/setup/child.mjs';
import { inRepository } from '../scripts/setup/repository.mjs';

export const MODEL = 'bench';

/**
 * A whole model of random weights in FP32, made in the cache folder the first time.
 * @param {{ esm: string, dna: string, seed: number }} sizes
 * @returns {Promise<string>} the folder of models that holds it as MODEL
 */
export async function randomModel({ esm, dna, seed }) {
  const models = join(cacheFolder(), 'bench-models', `whole-${esm}-${dna}-${seed}`);
  const mark = join(models, 'model-complete');
  if (existsSync(mark)) return models;
  console.error(`making a random model of ${esm} and ${dna}`);
  const { succeeded, output } = await run(process.execPath, [
    ...[inRepository('bin', 'virnucpro.js'), 'models', 'random', '--models', models, '--name', MODEL, '--force'],
    ...['--esm', esm, '--dna', dna, '--seed', String(seed), '--dtype', 'float32'],
  ]);
  if (!succeeded) throw new Error(`Could not make a model of random weights:\n${output.trim()}`);
  writeFileSync(mark, '');
  return models;
}
