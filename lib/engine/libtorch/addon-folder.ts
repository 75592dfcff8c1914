import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { packageRoot, packageVersion } from '../../package.js';
import { cacheFolder } from './find-libtorch.js';
import { addonMissing } from './load-failure.js';

export const LOADER = 'virnucpro_loader.node';
export const ADDON = 'virnucpro.node';

const require = createRequire(import.meta.url);
const checkoutBuild = join(packageRoot, 'build', 'Release');

/**
 * The optional package that has the addon, compiled, for this platform. Only its version that belongs to this package
 * is used: the two share an interface that is not stable.
 */
export const platformPackage = `@virnucpro/${process.platform}-${process.arch}-gnu`;

/**
 * The folder with both modules of the addon, the first of these that has them: $VIRNUCPRO_ADDON (if set, the only one
 * considered), the build in a checkout, that of a bundle, the platform's package, a build of these sources in the cache.
 * @throws VNP_LIBTORCH if there is none
 */
export function addonFolder(): string {
  for (const folder of folders()) if ([ADDON, LOADER].every((name) => existsSync(join(folder, name)))) return folder;
  throw addonMissing(expectedPlaces());
}

/** A generator, so that the sources are hashed only where nothing else is found. */
function* folders(): Generator<string> {
  const given = process.env['VIRNUCPRO_ADDON'];
  if (given) {
    yield resolve(given);
    return;
  }
  yield checkoutBuild;
  yield* compiledFolders();
  const cached = cachedAddonFolder();
  if (cached !== undefined) yield cached;
}

/** Where an addon that was compiled elsewhere may be: in a bundle, or in the platform's package if it is installed. */
export function compiledFolders(): string[] {
  const installed = installedPlatformPackage();
  const bundled = join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`);
  return installed?.version === packageVersion ? [bundled, installed.folder] : [bundled];
}

function installedPlatformPackage(): { folder: string; version: string } | undefined {
  try {
    const manifest = require.resolve(`${platformPackage}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return { folder: dirname(manifest), version };
  } catch {
    return undefined;
  }
}

/** For the error: where the addon would be if this installation were complete. */
function expectedPlaces(): string[] {
  const given = process.env['VIRNUCPRO_ADDON'];
  if (given) return [resolve(given)];
  if (existsSync(join(packageRoot, 'tsconfig.json'))) return [checkoutBuild];
  const installed = installedPlatformPackage();
  const state = installed === undefined ? 'not installed' : `version ${installed.version} is installed`;
  return [cachedAddonFolder() ?? '', `${platformPackage} ${packageVersion} (${state})`].filter((place) => place !== '');
}

/**
 * The folder in the cache for an addon that was compiled from this package's sources, whether it is there yet or not;
 * undefined if the sources are not part of this installation.
 */
export function cachedAddonFolder(): string | undefined {
  const sources = join(packageRoot, 'csrc');
  if (!existsSync(sources)) return undefined;
  fingerprint ??= fingerprintOf(sources);
  return join(cacheFolder(), ['addon', packageVersion, process.platform, process.arch, fingerprint].join('-'));
}

/** Of the sources of this installation, once it was needed: it is asked for with each call until the addon is loaded. */
let fingerprint: string | undefined;

function fingerprintOf(sources: string): string {
  const hash = createHash('sha256');
  for (const file of filesBelow(sources)) {
    const content = readFileSync(file);
    hash.update(`${relative(sources, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
