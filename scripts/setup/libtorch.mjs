// @ts-check
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { livingHolder, withLock } from './lock.mjs';
import { nameFor, thisProcess } from './process-identity.mjs';
import { inRepository } from './repository.mjs';
import { SetupFailure } from './failure.mjs';
import { newestCudaOfDriver } from './driver.mjs';
import { libtorchWheels, torch } from './versions.mjs';
import { downloadWheel, unpackWheel } from './wheel.mjs';

/** @typedef {import('./step.mjs').Step} Step */
/** @typedef {import('./versions.mjs').CudaMajor} CudaMajor */
/** @typedef {import('./versions.mjs').Wheel} Wheel */
/** @typedef {import('../../lib/engine/libtorch/find-libtorch.js').Libtorch} Libtorch */

/**
 * A folder of libtorch in the cache that is put in place as a whole.
 * @typedef {{ name: 'torch' | 'nvidia', wheels: readonly Wheel[], kept: string }} Part
 */

/** Megabytes: smaller wheels arrive before anyone looks for progress. */
const worthProgress = 50;

/** A file inside a part that lists the wheels it was made of. */
const partRecord = 'virnucpro-wheels.json';

const metadata = '^[^/]+\\.dist-info/(METADATA|licenses/|LICENSE|NOTICE|License)';
// Without Python's own modules and the libraries that only those load.
const torchFiles = `^torch/(lib/(?!libtorch_python|libshm)|include/|share/cmake/|version\\.py$)|${metadata}`;
const nvidiaFiles = `^nvidia/.*\\.so(\\.[0-9]+)*$|${metadata}`;

/**
 * Finds libtorch, or fetches it into the cache that all checkouts share.
 * @param {Step} step
 * @param {{ cuda: boolean | undefined, major: CudaMajor | undefined }} options cuda: whether to provide the CUDA
 *   libraries; major: for which CUDA; by default as this machine needs
 */
export async function provideLibtorch(step, options) {
  const library = await compiledSearch();
  const cuda = options.cuda ?? library.nvidiaDriver() !== undefined;
  const search = library.findLibtorch({ cuda });
  const { chosen } = search;
  if (process.env['LIBTORCH'] && !chosen) {
    throw new SetupFailure(
      `Expected libtorch ${library.supportedLibtorch}.x in $LIBTORCH but ${search.considered[0]?.place} ` +
        `${search.considered[0]?.verdict}. Correct it, or \`unset LIBTORCH\``,
    );
  }
  if (chosen && options.major) refuseOtherCuda(library.cudaVersionOf(chosen), chosen, options.major);
  const folder = library.cachedLibtorchFolder(torch.version);
  const major = options.major ?? (await majorFor(cuda, folder));
  const parts = partsFor(cuda, major);
  const damaged = search.considered.find(({ source, broken }) => source === 'cache' && broken);
  const complete = chosen && (chosen.source !== 'cache' || missingParts(folder, parts).length === 0);
  const cache = dirname(folder);
  if (complete) {
    removeLeftovers(cache);
    return step.upToDate(`${chosen.version} in ${chosen.root}`);
  }

  for (const { source, place, verdict } of search.considered) step.say(`${source} (${place}): ${verdict}`);
  await withLock(
    `${folder}.lock`,
    (holder) => step.say(`waiting for another setup that uses ${cache} (${holder})`),
    () => {
      // Without its record a part counts as missing.
      if (damaged?.place === join(folder, 'torch')) rmSync(join(damaged.place, partRecord), { force: true });
      return fetchParts(step, folder, parts);
    },
  );
  step.done(`${libtorchWheels[major].torch.version} in ${folder}`);
}

/**
 * Refuses when another libtorch comes first, so that what setup fetches into the cache would never be used.
 * @param {string | undefined} version the CUDA that the libtorch was made for
 * @param {Libtorch} libtorch
 * @param {CudaMajor} asked
 */
function refuseOtherCuda(version, { source, root }, asked) {
  if (source === 'cache' || version?.startsWith(`${asked}.`)) return;
  const next =
    source === 'environment'
      ? '`unset LIBTORCH`'
      : `Deactivate the Python environment that it belongs to, or install one for CUDA ${asked} there`;
  const made = version === undefined ? 'without CUDA' : `for CUDA ${version}`;
  throw new SetupFailure(
    `Expected a libtorch for CUDA ${asked} but the one in ${root}, which comes first, is ${made}. ${next}`,
  );
}

/**
 * The CUDA to fetch libtorch for: as the driver needs, else what is there already, since a newer driver runs that too.
 * @param {boolean} cuda
 * @param {string} folder
 * @returns {Promise<CudaMajor>}
 */
async function majorFor(cuda, folder) {
  if (cuda && (await newestCudaOfDriver()) === 12) return 12;
  return missingParts(folder, partsFor(false, 12)).length === 0 ? 12 : 13;
}

/**
 * The search for libtorch that the scripts share with the command, compiled.
 * @returns {Promise<typeof import('../../lib/engine/libtorch/find-libtorch.js')>}
 */
async function compiledSearch() {
  return import(inRepository('dist', 'lib', 'engine', 'libtorch', 'find-libtorch.js'));
}

/** The libtorch that the addon is built against. @returns {Promise<Libtorch>} */
export async function chosenLibtorch() {
  const { findLibtorch, setupCommand } = await compiledSearch();
  const { chosen } = findLibtorch();
  if (!chosen) throw new SetupFailure(`There is no libtorch: run \`${setupCommand()}\``);
  return chosen;
}

/** @param {boolean} cuda @param {CudaMajor} major @returns {Part[]} */
function partsFor(cuda, major) {
  const { torch, companions, cudaCompanions } = libtorchWheels[major];
  return [
    { name: 'torch', wheels: [torch], kept: torchFiles },
    { name: 'nvidia', wheels: cuda ? [...companions, ...cudaCompanions] : companions, kept: nvidiaFiles },
  ];
}

/** @param {string} folder @param {readonly Part[]} parts */
function missingParts(folder, parts) {
  return parts.filter(({ name, wheels }) => {
    const record = join(folder, name, partRecord);
    if (!existsSync(record)) return true;
    /** @type {string[]} */
    const present = JSON.parse(readFileSync(record, 'utf8'));
    return !wheels.every((wheel) => present.includes(titleOf(wheel)));
  });
}

/** @param {Wheel} wheel */
function titleOf({ name, version }) {
  return `${name} ${version}`;
}

/**
 * Removes what killed processes left in the cache. Every run does so: a child of a killed process may have gone on
 * writing after an earlier clean-up.
 * @param {string} cache
 */
function removeLeftovers(cache) {
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    const [, folder, owner] = /^(libtorch-.+)\.partial-(.+)$/.exec(name) ?? [];
    if (!folder || !owner || livingHolder(join(cache, `${folder}.lock`), owner)) continue;
    try {
      rmSync(join(cache, name), { recursive: true, force: true });
    } catch {
      // Such a child still writes to it, or it is another user's: it is in nobody's way, and a later run tries again.
    }
  }
}

/** @param {Step} step @param {string} folder @param {readonly Part[]} parts */
async function fetchParts(step, folder, parts) {
  removeLeftovers(dirname(folder));
  const partial = `${folder}.partial-${nameFor(thisProcess())}`;
  try {
    // Checked again: the previous holder of the lock may have fetched the same parts.
    for (const part of missingParts(folder, parts)) await fetchPart(step, folder, partial, part);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** @param {Step} step @param {string} folder @param {string} partial @param {Part} part */
async function fetchPart(step, folder, partial, part) {
  const tree = join(partial, part.name);
  for (const wheel of part.wheels) {
    step.say(`downloading ${titleOf(wheel)} (${wheel.megabytes} MB)`);
    const path = await downloadWheel(wheel, join(partial, 'download'), (fraction) => {
      if (wheel.megabytes >= worthProgress) step.progress(`downloading ${titleOf(wheel)}`, fraction);
    });
    await unpackWheel(path, tree, part.kept);
    rmSync(join(partial, 'download'), { recursive: true });
  }
  writeFileSync(join(tree, part.name, partRecord), JSON.stringify(part.wheels.map(titleOf), null, 2));
  putInPlace(tree, folder, join(partial, 'replaced'));
}

/**
 * The part itself comes last and by one rename, so that it is complete or absent.
 * @param {string} tree @param {string} folder @param {string} replaced
 */
function putInPlace(tree, folder, replaced) {
  mkdirSync(folder, { recursive: true });
  mkdirSync(replaced, { recursive: true });
  const names = readdirSync(tree).sort((one, other) => Number(isMetadata(other)) - Number(isMetadata(one)));
  for (const name of names) {
    if (existsSync(join(folder, name))) renameSync(join(folder, name), join(replaced, name));
    renameSync(join(tree, name), join(folder, name));
  }
}

/** @param {string} name */
function isMetadata(name) {
  return name.endsWith('.dist-info');
}
