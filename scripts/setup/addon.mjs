// @ts-check
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutFolder, compileCheckout, configureCheckout } from './cmake.mjs';
import { compileAddon, configureAddon } from './compile-addon.mjs';
import { filesBelow, fingerprint, readStamp, removeStamp, writeStamp } from './fingerprint.mjs';
import { headerPackages, packageFolder } from './header-packages.mjs';
import { chosenLibtorch } from './libtorch.mjs';
import { modules } from './prebuilt.mjs';
import { inRepository } from './repository.mjs';
import { checkBuildTools, findCompiler } from './tools.mjs';

/** @typedef {import('../../lib/engine/libtorch/find-libtorch.js').Libtorch} Libtorch */
/** @typedef {import('./step.mjs').Step} Step */

export { provideAddon } from './cached-addon.mjs';

/** In a checkout: builds csrc/ into build/Release/, by csrc/CMakeLists.txt. @param {Step} step */
export async function buildAddon(step) {
  await checkBuildTools();
  const libtorch = await chosenLibtorch();
  const stamp = inRepository('build', 'Release', '.virnucpro-setup');
  const wanted = addonFingerprint(libtorch);
  const complete = modules.every((name) => existsSync(inRepository('build', 'Release', name)));
  if (complete && readStamp(stamp) === wanted) return step.upToDate();
  removeStamp(stamp);
  step.say(`compiling against libtorch ${libtorch.version} in ${libtorch.root}`);
  await configureAddon(configureCheckout(libtorch.root), checkoutFolder);
  await compileAddon(step, compileCheckout);
  for (const name of modules) publish(name);
  writeStamp(stamp, wanted);
  step.done('built');
}

/** @param {Libtorch} libtorch */
function addonFingerprint({ root, version }) {
  const packages = [...headerPackages, 'cmake-js'].map(
    (name) => JSON.parse(readFileSync(join(packageFolder(name), 'package.json'), 'utf8')).version,
  );
  const compiler = realpathSync(findCompiler() ?? '');
  const { size, mtimeMs } = statSync(compiler);
  const sources = [inRepository('CMakeLists.txt'), ...filesBelow(inRepository('csrc'))];
  return fingerprint(sources, [root, version, packages, compiler, size, mtimeMs, process.arch]);
}

/**
 * Copied beside its place, then renamed: a process that loads the addon meanwhile gets the old one or the new one,
 * whole.
 * @param {string} name
 */
function publish(name) {
  const target = inRepository('build', 'Release', name);
  const partial = `${target}.partial`;
  mkdirSync(inRepository('build', 'Release'), { recursive: true });
  copyFileSync(join(checkoutFolder, 'Release', name), partial);
  renameSync(partial, target);
}
