// @ts-check
import { join, resolve } from 'node:path';
import { prepareModules } from '../bundle/binaries.mjs';
import { portabilityOf } from '../bundle/portability.mjs';
import { compileFolder, configureFolder } from '../setup/cmake.mjs';
import { compileAddon, configureAddon } from '../setup/compile-addon.mjs';
import { SetupFailure } from '../setup/failure.mjs';
import { chosenLibtorch } from '../setup/libtorch.mjs';
import { inRepository } from '../setup/repository.mjs';
import { definitionsFor, provideOldSystem } from './old-system.mjs';
import { platforms, thisPlatform } from './platforms.mjs';

/**
 * The addon's modules for this platform, stripped: compiled for every system that libtorch runs on, else refused.
 * @param {{ step: import('../setup/step.mjs').Step, work: string, given: string | undefined, trial: boolean }} options
 *   work: a folder for them; given: a build to take instead
 * @returns {Promise<{ modules: string[], needs: string }>} their paths, and what they need of a system
 */
export async function preparedModules({ step, work, given, trial }) {
  const built = given === undefined ? await compiled(step) : resolve(given);
  const binaries = await prepareModules(built, join(work, 'modules'));
  const { advice, text } = portabilityOf(binaries);
  if (advice !== undefined && !trial)
    throw new SetupFailure(
      `The addon in ${built} needs a newer system than libtorch itself: ${text}. Build it by \`npm run release\` alone`,
    );
  return { modules: binaries.map(({ path }) => path), needs: text };
}

/** @param {import('../setup/step.mjs').Step} step */
async function compiled(step) {
  const platform = platforms[thisPlatform];
  if (platform === undefined) throw new SetupFailure(`There is no recipe for ${thisPlatform}`);
  const system = await provideOldSystem(platform.system, step);
  const folder = inRepository('build', 'portable');
  const libtorch = await chosenLibtorch();
  step.say('compiling the addon for systems from glibc 2.28 on');
  const build = { folder, libtorch: libtorch.root, headers: inRepository('node_modules') };
  await configureAddon(configureFolder({ ...build, definitions: definitionsFor(system) }), folder);
  await compileAddon(step, (jobs) => compileFolder(folder, jobs));
  return join(folder, 'Release');
}
