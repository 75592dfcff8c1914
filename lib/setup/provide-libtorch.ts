import { rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withLock } from '#setup-lock';
import {
  cachedLibtorchFolder,
  cudaVersionOf,
  findLibtorch,
  nvidiaDriver,
  supportedLibtorch,
} from '../engine/libtorch/find-libtorch.js';
import type { Libtorch, LibtorchSearch } from '../engine/libtorch/find-libtorch.js';
import { refuseLittleSpace } from './disk-space.js';
import { newestCudaOfDriver } from './driver.js';
import { removeLeftovers } from './leftovers.js';
import { missingParts, PART_RECORD, partsFor } from './libtorch-parts.js';
import type { AskedSources } from './pip-settings.js';
import { thisPlatform } from './platform.js';
import { setupFailure } from './setup-failure.js';
import type { SetupReport } from './setup-report.js';
import { libtorchWheels, torch } from './wheel-table.js';
import type { CudaMajor } from './wheel-table.js';

export interface ProvideLibtorchOptions extends AskedSources {
  /** Whether to provide the CUDA libraries. Default: if this machine has an NVIDIA driver. */
  readonly cuda?: boolean | undefined;
  /** For which CUDA. Default: as the driver needs. */
  readonly major?: CudaMajor | undefined;
  /** Only report what would be fetched, from where and into which folder. Default: false. */
  readonly dryRun?: boolean | undefined;
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Finds libtorch, or fetches it into the cache that all checkouts and packages of this user share.
 * @throws VNP_LIBTORCH if it cannot be fetched, or if what was asked for would not be used
 */
export async function provideLibtorch(report: SetupReport, options: ProvideLibtorchOptions = {}): Promise<void> {
  const { environment = process.env } = options;
  const cuda = options.cuda ?? nvidiaDriver(environment) !== undefined;
  const search = findLibtorch({ cuda, environment });
  const { chosen } = search;
  if (environment['LIBTORCH'] && !chosen) throw uselessLibtorch(search);
  if (chosen && options.major) refuseOtherCuda(chosen, options.major);
  const folder = cachedLibtorchFolder(torch.version, environment);
  const cache = dirname(folder);
  const major = options.major ?? majorFor(cuda, folder, environment);
  const parts = partsFor(cuda, major);
  const missing = missingParts(folder, parts);
  if (chosen && (chosen.source !== 'cache' || missing.length === 0)) {
    removeLeftovers(cache);
    report.upToDate(`${chosen.version} in ${chosen.root}`);
    return;
  }

  for (const { source, place, verdict } of search.considered) report.say(`${source} (${place}): ${verdict}`);
  // Loaded only now: mostly there is nothing to fetch.
  const { fetchParts } = await import('./fetch-parts.js');
  const { dryRun = false, findLinks = [], index } = options;
  const fetchOptions = { dryRun, findLinks, ...(index !== undefined && { index }), environment };
  if (dryRun) return fetchParts(report, folder, parts, fetchOptions);
  refuseFileAsCache(cache);
  const wheels = missing.flatMap((part) => part.wheels);
  refuseLittleSpace(cache, wheels, thisPlatform());
  await withLock(
    `${folder}.lock`,
    (holder) => report.say(`waiting for another setup that uses ${cache} (${holder})`),
    async () => {
      removeLeftovers(cache);
      // Without its record a part counts as missing.
      if (isDamaged(search, folder)) rmSync(join(folder, 'torch', PART_RECORD), { force: true });
      await fetchParts(report, folder, parts, fetchOptions);
    },
  );
  report.done(`${libtorchWheels[major].torch.version} in ${folder}`);
}

function uselessLibtorch({ considered: [found] }: LibtorchSearch): Error {
  return setupFailure(
    `Expected libtorch ${supportedLibtorch}.x in $LIBTORCH but ${found?.place} ${found?.verdict}. Correct it, or ` +
      '`unset LIBTORCH`',
  );
}

function isDamaged({ considered }: LibtorchSearch, folder: string): boolean {
  return considered.some(
    ({ source, broken, place }) => source === 'cache' && broken && place === join(folder, 'torch'),
  );
}

function refuseFileAsCache(cache: string): void {
  if (statSync(cache, { throwIfNoEntry: false })?.isFile())
    throw setupFailure(`The cache ${cache} is a file: remove it, or \`export VIRNUCPRO_CACHE=/a/folder\``);
}

/** Refuses when another libtorch comes first, so that what setup fetches into the cache would never be used. */
function refuseOtherCuda(libtorch: Libtorch, asked: CudaMajor): void {
  const { source, root } = libtorch;
  const version = cudaVersionOf(libtorch);
  if (source === 'cache' || version?.startsWith(`${asked}.`)) return;
  const next =
    source === 'environment'
      ? '`unset LIBTORCH`'
      : `Deactivate the Python environment that it belongs to, or install one for CUDA ${asked} there`;
  const made = version === undefined ? 'without CUDA' : `for CUDA ${version}`;
  throw setupFailure(
    `Expected a libtorch for CUDA ${asked} but the one in ${root}, which comes first, is ${made}. ${next}`,
  );
}

/** As the driver needs, else what is there already, since a newer driver runs that too. */
function majorFor(cuda: boolean, folder: string, environment: NodeJS.ProcessEnv): CudaMajor {
  if (cuda && newestCudaOfDriver(environment) === 12) return 12;
  return missingParts(folder, partsFor(false, 12)).length === 0 ? 12 : 13;
}
