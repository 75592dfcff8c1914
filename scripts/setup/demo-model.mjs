// @ts-check
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { filesBelow, fingerprint, readStamp, removeStamp, writeStamp } from './fingerprint.mjs';
import { inRepository, repositoryRoot } from './repository.mjs';

export const demoModelName = 'demo';
/** The folder of models that it is installed in: the checkout's own, so that the user's stays as it is. */
export const demoModels = inRepository('build', 'models');

/** Small and with random weights: what shows that everything works, since published weights are not ours to ship. */
const sizes = ['--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
const command = ['models', 'random', '--name', demoModelName, ...sizes, '--models', demoModels, '--force'];

/** @param {import('./step.mjs').Step} step */
export async function makeDemoModel(step) {
  const stamp = inRepository('build', '.demo-model');
  // What lays models out: one that was made before a change of these may not open after it.
  const sources = [...filesBelow(inRepository('lib', 'models')), ...filesBelow(inRepository('csrc', 'model'))];
  const wanted = fingerprint(sources, command);
  if (existsSync(join(demoModels, demoModelName, 'pipeline.json')) && readStamp(stamp) === wanted) {
    return step.upToDate();
  }
  removeStamp(stamp);
  const { succeeded, output } = await run(process.execPath, [inRepository('bin', 'virnucpro.js'), ...command], {
    cwd: repositoryRoot,
  });
  if (!succeeded) throw new SetupFailure(`The demonstration model cannot be made:\n${output.trim()}`);
  writeStamp(stamp, wanted);
  step.done(`made in ${demoModels}`);
}
