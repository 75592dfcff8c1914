// @ts-check
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { compileCommand, configureCommand } from './cmake.mjs';
import { SetupFailure } from './failure.mjs';
import { filesBelow, fingerprint, readStamp, removeStamp, writeStamp } from './fingerprint.mjs';
import { headerPackages, packageFolder } from './header-packages.mjs';
import { chosenLibtorch } from './libtorch.mjs';
import { isPrebuilt, loadingProblem, modules } from './prebuilt.mjs';
import { inRepository, isCheckout } from './repository.mjs';
import { checkBuildTools, findCompiler } from './tools.mjs';

/** @typedef {import('../../lib/engine/libtorch/find-libtorch.js').Libtorch} Libtorch */
/** @typedef {import('./step.mjs').Step} Step */

/** Compiling libtorch's headers takes up to 2 GB of memory per job: no more jobs than a small machine has room for. */
const parallelJobs = 2;

/** In an installed package: the addon that came with it if it loads, else one built here. @param {Step} step */
export async function provideAddon(step) {
  if (isPrebuilt()) {
    const problem = await loadingProblem();
    if (problem === undefined) return step.upToDate('as it came with the package');
    step.say(`the one that came with the package cannot be used here: ${problem}`);
  }
  await buildAddon(step);
}

/** Builds csrc/ into build/Release/, by csrc/CMakeLists.txt. @param {Step} step */
export async function buildAddon(step) {
  await checkBuildTools();
  const libtorch = await chosenLibtorch();
  const stamp = inRepository('build', 'Release', '.virnucpro-setup');
  const wanted = addonFingerprint(libtorch);
  const complete = modules.every((name) => existsSync(inRepository('build', 'Release', name)));
  if (complete && readStamp(stamp) === wanted) return step.upToDate();
  removeStamp(stamp);
  step.say(`compiling against libtorch ${libtorch.version} in ${libtorch.root}`);
  await configure(libtorch);
  await compile(step);
  for (const name of modules) publish(name);
  writeStamp(stamp, wanted);
  step.done('built');
}

/** @param {Libtorch} libtorch */
function addonFingerprint({ root, version }) {
  const packages = [...headerPackages, ...(isCheckout ? ['cmake-js'] : [])].map(
    (name) => JSON.parse(readFileSync(join(packageFolder(name), 'package.json'), 'utf8')).version,
  );
  const compiler = realpathSync(findCompiler() ?? '');
  const { size, mtimeMs } = statSync(compiler);
  const sources = [inRepository('CMakeLists.txt'), ...filesBelow(inRepository('csrc'))];
  return fingerprint(sources, [root, version, packages, compiler, size, mtimeMs, process.arch]);
}

/** @param {Libtorch} libtorch */
async function configure(libtorch) {
  const first = await run(...configureCommand(libtorch.root));
  if (first.succeeded) return;
  // CMake refuses a build folder that was made elsewhere or for another generator; a fresh one mends that.
  rmSync(inRepository('build', 'native'), { recursive: true, force: true });
  const second = await run(...configureCommand(libtorch.root));
  if (!second.succeeded) throw new SetupFailure(`The addon cannot be configured:\n${second.output.trim()}`);
}

/** @param {Step} step */
async function compile(step) {
  /** @param {string} line */
  const onLine = (line) => {
    const position = /^\[(\d+)\/(\d+)\]/.exec(line);
    const percent = /^\[ *(\d+)%\]/.exec(line);
    if (position) step.progress('compiling', Number(position[1]) / Number(position[2]));
    else if (percent) step.progress('compiling', Number(percent[1]) / 100);
  };
  const { succeeded, output } = await run(...compileCommand(parallelJobs), { onLine });
  if (!succeeded) throw new SetupFailure(`The addon does not compile:\n${output.trim()}`);
  if (output.includes('warning:')) step.say(`compiler warnings:\n${output.trim()}`);
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
  copyFileSync(inRepository('build', 'native', 'Release', name), partial);
  renameSync(partial, target);
}
