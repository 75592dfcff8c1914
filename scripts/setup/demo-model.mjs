// @ts-check
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { inRepository, repositoryRoot } from './repository.mjs';

export const demoModelName = 'demo';
/** The folder of models that it is installed in: the checkout's own, so that the user's stays as it is. */
export const demoModels = inRepository('build', 'models');

/** Small and with random weights: what shows that everything works, since published weights are not ours to ship. */
const sizes = ['--esm', 'esm2_tiny', '--dna', 'dnabert_tiny', '--seed', '1'];

/** @param {import('./step.mjs').Step} step */
export async function makeDemoModel(step) {
  // An installed model is whole: its folder is renamed in when everything is written.
  if (existsSync(join(demoModels, demoModelName, 'pipeline.json'))) return step.upToDate();
  const words = ['models', 'random', '--name', demoModelName, ...sizes, '--models', demoModels];
  const { succeeded, output } = await run(process.execPath, [inRepository('bin', 'virnucpro.js'), ...words], {
    cwd: repositoryRoot,
  });
  if (!succeeded) throw new SetupFailure(`The demonstration model cannot be made:\n${output.trim()}`);
  step.done(`made in ${demoModels}`);
}
