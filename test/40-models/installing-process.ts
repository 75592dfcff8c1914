/**
 * Installs models in a process of its own: `installing-process.js FOLDER PREFIX COUNT` makes PREFIX-0 and so on, and
 * after each tries to replace the model `shared`.
 */
import { VirnucproError } from '../../lib/errors.js';
import { randomModel } from '../../lib/models/random/random-model.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { fakeAddon } from './fake-addon.js';

const [folder = '', prefix = '', count = '1'] = process.argv.slice(2);
const registry = new ModelRegistry(folder);
const seedOfProcess = 100 * Number(prefix.slice(1));

async function install(name: string, seed: number): Promise<void> {
  const request = { name, protein: 'esm2_tiny', dna: 'dnabert_tiny', seed, registry, addon: fakeAddon() };
  await randomModel({ ...request, overwrite: true });
}

for (let index = 0; index < Number(count); index++) {
  await install(`${prefix}-${index}`, seedOfProcess + index);
  try {
    await install('shared', seedOfProcess + index);
  } catch (error) {
    // Of two that replace one model at the same moment, one may lose; it reports so and leaves the other's in place.
    if (!(error instanceof VirnucproError)) throw error;
  }
}
