// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { compileFolder, configureFolder } from './cmake.mjs';
import { compileAddon, configureAddon } from './compile-addon.mjs';
import { SetupFailure } from './failure.mjs';
import { chosenLibtorch } from './libtorch.mjs';
import { livingHolder, withLock } from './lock.mjs';
import { compiledAddonSearch, isPrebuilt, modules, tryAddon } from './prebuilt.mjs';
import { nameFor, thisProcess } from './process-identity.mjs';
import { inRepository } from './repository.mjs';
import { checkBuildTools } from './tools.mjs';

/** @typedef {import('./step.mjs').Step} Step */

/**
 * For an installed package: leaves an addon that loads alone, else builds one from the package's sources. The build goes
 * into the cache, where a reinstallation finds it again; node_modules is left as the package manager made it.
 * @param {Step} step
 */
export async function provideAddon(step) {
  await chosenLibtorch();
  const tried = await tryAddon();
  if ('path' in tried) return step.upToDate(dirname(tried.path));
  if (await isPrebuilt()) step.say(`the one that came with the package cannot be used here: ${tried.problem}`);
  const { cachedAddonFolder } = await compiledAddonSearch();
  const folder = cachedAddonFolder();
  if (folder === undefined) throw new SetupFailure(`${inRepository('csrc')} is missing: install virnucpro again`);
  await checkBuildTools();
  await withLock(
    `${folder}.lock`,
    (holder) => step.say(`waiting for another setup that builds ${folder} (${holder})`),
    () => buildInto(step, folder),
  );
}

/** @param {Step} step @param {string} folder */
async function buildInto(step, folder) {
  removeLeftovers(folder);
  // The previous holder of the lock may have built it.
  const tried = await tryAddon();
  if ('path' in tried) return step.upToDate(dirname(tried.path));
  const libtorch = await chosenLibtorch();
  const work = `${folder}.partial-${nameFor(thisProcess())}`;
  const objects = join(work, 'objects');
  const built = join(work, 'built');
  step.say(`compiling against libtorch ${libtorch.version} in ${libtorch.root}`);
  try {
    mkdirSync(built, { recursive: true });
    const headers = inRepository('headers');
    await configureAddon(configureFolder({ folder: objects, libtorch: libtorch.root, headers }), objects);
    await compileAddon(step, (jobs) => compileFolder(objects, jobs));
    for (const name of modules) copyFileSync(join(objects, 'Release', name), join(built, name));
    if (existsSync(folder)) renameSync(folder, join(work, 'replaced'));
    renameSync(built, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  step.done(`built ${folder}`);
}

/** Removes what killed processes left beside it. @param {string} folder */
function removeLeftovers(folder) {
  const prefix = `${basename(folder)}.partial-`;
  for (const name of readdirSync(dirname(folder)).filter((entry) => entry.startsWith(prefix))) {
    if (livingHolder(`${folder}.lock`, name.slice(prefix.length))) continue;
    rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
}
