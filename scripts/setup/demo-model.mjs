// @ts-check
import { existsSync } from 'node:fs';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { inRepository, repositoryRoot } from './repository.mjs';

/** A model with random weights: what the demonstration and the tests run, since published weights are not ours to ship. */
const command = 'models random --name demo --esm esm2_t6_8M_UR50D --seed 1';

/** @param {import('./step.mjs').Step} step */
export async function makeDemoModel(step) {
  const models = inRepository('build', 'models');
  if (existsSync(inRepository('build', 'models', 'demo', 'pipeline.json'))) return step.upToDate();
  const { succeeded, output } = await run(
    process.execPath,
    [inRepository('bin', 'virnucpro.js'), ...command.split(' ')],
    { cwd: repositoryRoot, env: { ...process.env, VIRNUCPRO_MODELS: models } },
  );
  if (!succeeded) throw new SetupFailure(`The demonstration model cannot be made:\n${output.trim()}`);
  step.done(`made in ${models}`);
}
