import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nameOfThisProcess } from '#setup-lock';
import { gigabytes, unpackedBytes } from './disk-space.js';
import { missingParts, putPartInPlace } from './libtorch-parts.js';
import type { LibtorchPart } from './libtorch-parts.js';
import type { LocatedWheel } from './locate-wheels.js';
import type { AskedSources } from './pip-settings.js';
import type { SetupReport } from './setup-report.js';
import { unpackWheel } from './unpack-wheel.js';
import { describeWheel, megabytes, placeOf, WheelFetcher } from './wheel-fetcher.js';
import { titleOf } from './wheel-table.js';

export interface FetchOptions extends AskedSources {
  /** Only report what would be fetched, from where and into which folder. */
  readonly dryRun?: boolean;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Fetches parts of libtorch into its folder in the cache, one wheel after the other. What an interrupted download left
 * is used. Call it under the folder's lock.
 * @throws VNP_LIBTORCH if a wheel cannot be found, downloaded or unpacked
 */
export async function fetchParts(
  report: SetupReport,
  folder: string,
  parts: readonly LibtorchPart[],
  options: FetchOptions,
): Promise<void> {
  const fetcher = new WheelFetcher(options, options.environment);
  const partial = `${folder}.partial-${nameOfThisProcess()}`;
  try {
    const missing = missingParts(folder, parts);
    const wheels = missing.flatMap((part) => part.wheels);
    // Another setup may have fetched the same parts while this one waited.
    if (wheels.length === 0) return;
    const located = await fetcher.locate(wheels);
    announce(report, folder, located, options.dryRun ?? false);
    if (options.dryRun) return;
    for (const part of missing) {
      const own = located.filter(({ wheel }) => part.wheels.includes(wheel));
      await fetchPart({ report, fetcher, folder, partial }, part, own);
    }
    rmSync(downloadFolder(folder), { recursive: true, force: true });
  } finally {
    rmSync(partial, { recursive: true, force: true });
    await fetcher.close();
  }
}

/** Where wheels are kept until they are unpacked, for a later setup to go on with. */
function downloadFolder(folder: string): string {
  return `${folder}.download`;
}

function announce(report: SetupReport, folder: string, located: readonly LocatedWheel[], isDryRun: boolean): void {
  const sizes = located.map(({ wheel, bytes }) => bytes ?? wheel.bytes ?? 0);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (isDryRun) for (const wheel of located) report.say(`${describeWheel(wheel)} from ${placeOf(wheel)}`);
  report.say(`${megabytes(total)} to download, ${gigabytes(unpackedBytes(total))} unpacked, into ${folder}`);
}

interface Fetching {
  readonly report: SetupReport;
  readonly fetcher: WheelFetcher;
  readonly folder: string;
  /** This process's folder for what is not yet whole. */
  readonly partial: string;
}

async function fetchPart(fetching: Fetching, part: LibtorchPart, located: readonly LocatedWheel[]): Promise<void> {
  const { report, fetcher, folder, partial } = fetching;
  const tree = join(partial, part.name);
  for (const wheel of located) {
    const path = await fetcher.provide(wheel, downloadFolder(folder), report);
    report.say(`unpacking ${titleOf(wheel.wheel)}`);
    await unpackWheel(path, tree, part.kept);
    if (dirname(path) === downloadFolder(folder)) rmSync(path);
  }
  putPartInPlace(part, tree, folder, join(partial, 'replaced'));
}
