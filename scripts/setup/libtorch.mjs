// @ts-check
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { nameFor, thisProcess } from './process-identity.mjs';
import { inRepository } from './repository.mjs';
import { SetupFailure } from './failure.mjs';
import { companions, cudaCompanions, torch } from './versions.mjs';
import { downloadWheel, unpackWheel } from './wheel.mjs';

/** @typedef {import('./step.mjs').Step} Step */
/** @typedef {import('./versions.mjs').Wheel} Wheel */
/** @typedef {import('../../lib/engine/libtorch.js').Libtorch} Libtorch */

/**
 * One folder of the cache's libtorch that is put in place as a whole.
 * @typedef {{ name: 'torch' | 'nvidia', wheels: readonly Wheel[], kept: string }} Part
 */

/** Megabytes: smaller wheels are there before anyone would ask. */
const worthProgress = 50;

/** Lists, inside a part, the wheels that it was made of. */
const partRecord = 'virnucpro-wheels.json';

const metadata = '^[^/]+\\.dist-info/(METADATA|licenses/|LICENSE|NOTICE|License)';
// Not Python's own modules, nor the libraries that only those load.
const torchFiles = `^torch/(lib/(?!libtorch_python|libshm)|include/|share/cmake/|version\\.py$)|${metadata}`;
const nvidiaFiles = `^nvidia/.*\\.so(\\.[0-9]+)*$|${metadata}`;

/**
 * Finds libtorch, or fetches it into the cache that all checkouts share.
 * @param {Step} step
 * @param {{ cuda: boolean | undefined }} options cuda: whether to have the CUDA libraries, else as this machine needs
 */
export async function provideLibtorch(step, options) {
  const engine = await compiledEngine();
  const cuda = options.cuda ?? engine.nvidiaDriver() !== undefined;
  const search = engine.findLibtorch({ cuda });
  const { chosen } = search;
  if (process.env['LIBTORCH'] && !chosen) {
    throw new SetupFailure(
      `Expected libtorch ${engine.supportedLibtorch}.x in $LIBTORCH but ${search.considered[0]?.place} ` +
        `${search.considered[0]?.verdict}. Correct it, or \`unset LIBTORCH\``,
    );
  }
  const folder = engine.cachedLibtorchFolder(torch.version);
  const parts = partsFor(cuda);
  const complete = chosen && (chosen.source !== 'cache' || missingParts(folder, parts).length === 0);
  if (complete) return step.upToDate(`${chosen.version} in ${chosen.root}`);

  for (const { source, place, verdict } of search.considered) step.say(`${source} (${place}): ${verdict}`);
  const cache = dirname(folder);
  await withLock(
    `${folder}.lock`,
    (holder) => step.say(`waiting for another setup that uses ${cache} (${holder})`),
    () => fetchParts(step, folder, parts),
  );
  step.done(`${torch.version} in ${folder}`);
}

/** The parts of lib/ that scripts share with the command, from its compiled form. */
async function compiledEngine() {
  const libtorch = await import(inRepository('dist', 'lib', 'engine', 'libtorch.js'));
  const driver = await import(inRepository('dist', 'lib', 'engine', 'nvidia-driver.js'));
  return /** @type {typeof import('../../lib/engine/libtorch.js') & typeof import('../../lib/engine/nvidia-driver.js')} */ ({
    ...libtorch,
    ...driver,
  });
}

/** The libtorch that the addon is built against. @returns {Promise<Libtorch>} */
export async function chosenLibtorch() {
  const { chosen } = (await compiledEngine()).findLibtorch();
  if (!chosen) throw new SetupFailure('There is no libtorch: run `npm run setup`');
  return chosen;
}

/** @param {boolean} cuda @returns {Part[]} */
function partsFor(cuda) {
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

/** Called by the holder of the lock only: whatever is partial here was left by a process that died. @param {string} folder */
function removeLeftovers(folder) {
  const cache = dirname(folder);
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (path.startsWith(`${folder}.partial-`)) rmSync(path, { recursive: true, force: true });
  }
}

/** @param {Step} step @param {string} folder @param {readonly Part[]} parts */
async function fetchParts(step, folder, parts) {
  removeLeftovers(folder);
  const partial = `${folder}.partial-${nameFor(thisProcess())}`;
  try {
    // Asked again: who held the lock before may have fetched the same.
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
 * The part itself comes last and by one rename: it is there in full or not at all.
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
