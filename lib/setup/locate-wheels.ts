import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { reasonOf } from '../errors.js';
import { filesByPip } from './ask-pip.js';
import { networkReason, shownAddress } from './http-client.js';
import type { HttpClient } from './http-client.js';
import { ACCEPTED_PAGES, filesOf, filesOfHtml } from './index-page.js';
import type { OfferedFile } from './index-page.js';
import type { PipSettings } from './pip-settings.js';
import { recordedFiles } from './recorded-wheels.js';
import { setupFailure } from './setup-failure.js';
import { isFileOf } from './wheel-name.js';
import { titleOf } from './wheel-table.js';
import type { Wheel, WheelPlatform } from './wheel-table.js';

/** A wheel, and a file of it. */
export interface LocatedWheel {
  readonly wheel: Wheel;
  readonly filename: string;
  /** Of a file on this machine `file:`, else of HTTP. */
  readonly url: string;
  /** Hexadecimal; undefined only for a file on this machine. */
  readonly sha256: string | undefined;
  readonly bytes: number | undefined;
}

export interface WheelSources {
  readonly settings: PipSettings;
  readonly platform: WheelPlatform;
  readonly client: HttpClient;
  readonly environment: NodeJS.ProcessEnv;
}

/** A place to look for wheels: its name in messages, and the files that it offers for a wheel. */
interface Place {
  readonly name: string;
  readonly files: (wheel: Wheel) => Promise<readonly OfferedFile[]>;
}

/**
 * Finds a file for each wheel. The places are, in this order: the folders and pages of the setting `findLinks`; the
 * index and the extra indexes; and if no index is set, the addresses that came with the package, then those that the
 * pip of `python3` knows.
 * @throws VNP_LIBTORCH with what was found at each place
 */
export async function locateWheels(wheels: readonly Wheel[], sources: WheelSources): Promise<LocatedWheel[]> {
  const places = placesOf(wheels, sources);
  const located: LocatedWheel[] = [];
  for (const wheel of wheels) located.push(await locate(wheel, places, sources));
  return located;
}

async function locate(wheel: Wheel, places: readonly Place[], sources: WheelSources): Promise<LocatedWheel> {
  const pinned = wheel.files[sources.platform];
  const verdicts: string[] = [];
  for (const { name, files } of places) {
    const offered = await files(wheel).catch((error: unknown) => reasonOf(error));
    if (typeof offered === 'string') {
      verdicts.push(`${name}: ${offered}`);
      continue;
    }
    const fitting = offered.filter(({ filename }) => isFileOf(filename, wheel, sources.platform));
    const file = fitting.find((one) => isAcceptable(one, pinned?.sha256));
    if (file) {
      const { filename, url } = file;
      return { wheel, filename, url, sha256: pinned?.sha256 ?? file.sha256, bytes: pinned?.bytes ?? file.bytes };
    }
    verdicts.push(`${name}: ${verdictOn(fitting, pinned?.sha256)}`);
  }
  throw setupFailure(notFound(wheel, verdicts, sources.settings));
}

/** A file on this machine is the user's own: it may do without a hash if none is pinned. */
function isAcceptable({ sha256, url }: OfferedFile, pinned: string | undefined): boolean {
  if (pinned !== undefined) return sha256 === undefined || sha256 === pinned;
  return sha256 !== undefined || url.startsWith('file:');
}

function verdictOn(fitting: readonly OfferedFile[], pinned: string | undefined): string {
  if (fitting.length === 0) return 'does not have it';
  return pinned === undefined ? 'states no SHA-256 for it' : `has a file with another SHA-256 than ${pinned}`;
}

function notFound(wheel: Wheel, verdicts: readonly string[], { noIndex }: PipSettings): string {
  const title = titleOf(wheel);
  const searched = verdicts.length > 0 ? ` (${verdicts.join('; ')})` : '';
  if (wheel.version.includes('+')) {
    return (
      `Could not find ${title}${searched}. PyTorch's own index of wheels for that CUDA has it: ` +
      "`export PIP_EXTRA_INDEX_URL=` its address (see PyTorch's installation page), install a newer NVIDIA driver, or " +
      'do without GPUs (--no-cuda)'
    );
  }
  const index = noIndex ? 'Unset PIP_NO_INDEX' : '`export PIP_INDEX_URL=` the address of a package index';
  return (
    `Could not find ${title}${searched}. ${index}, name a folder that has the wheels (--find-links or ` +
    'PIP_FIND_LINKS), or `export LIBTORCH=/an/unpacked/libtorch`'
  );
}

function placesOf(wheels: readonly Wheel[], sources: WheelSources): Place[] {
  const { settings } = sources;
  const links = settings.findLinks.map((place) => linksPlace(place, sources));
  if (settings.noIndex) return links;
  const indexes = [settings.index, ...settings.extraIndexes].filter((address) => address !== undefined);
  const places = [...links, ...indexes.map((address) => indexPlace(address, sources))];
  return settings.index === undefined ? [...places, ...defaultPlaces(wheels, sources)] : places;
}

function linksPlace(place: string, sources: WheelSources): Place {
  const isRemote = /^https?:/i.test(place);
  let files: Promise<readonly OfferedFile[]> | undefined;
  const read = (): Promise<readonly OfferedFile[]> =>
    isRemote ? filesOfPage(place, sources.client) : filesOnDisk(place);
  return { name: shownAddress(place), files: () => (files ??= read()) };
}

/** The wheels of a folder, or the links of an HTML file. */
async function filesOnDisk(place: string): Promise<OfferedFile[]> {
  const path = place.startsWith('file:') ? fileURLToPath(place) : resolve(place);
  if ((await stat(path)).isDirectory()) {
    const names = await readdir(path);
    return names.map((filename) => ({ filename, url: pathToFileURL(join(path, filename)).href }));
  }
  return filesOfHtml(await readFile(path, 'utf8'), pathToFileURL(path).href);
}

function indexPlace(address: string, { client }: WheelSources): Place {
  const root = address.replace(/\/*$/, '/');
  return { name: shownAddress(address), files: (wheel) => filesOfPage(`${root}${wheel.name}/`, client) };
}

async function filesOfPage(address: string, client: HttpClient): Promise<OfferedFile[]> {
  if (!URL.canParse(address)) throw new Error('is no address');
  const response = await client.get(address, { accept: ACCEPTED_PAGES }).catch((cause: unknown) => {
    throw new Error(`cannot be reached: ${networkReason(cause)}`, { cause });
  });
  if (response.status === 404) {
    await response.body?.cancel();
    return [];
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`answers ${response.status}`);
  }
  try {
    const text = await response.text();
    return filesOf({ text, url: response.url, contentType: response.headers.get('content-type') ?? '' });
  } catch (cause) {
    throw new Error(`sends a page that cannot be read: ${networkReason(cause)}`, { cause });
  }
}

/** What stands in for an index where none is set. */
function defaultPlaces(wheels: readonly Wheel[], { platform, environment }: WheelSources): Place[] {
  let asked: Promise<readonly OfferedFile[]> | undefined;
  const recorded: Place = {
    name: 'the addresses that came with this package',
    files: (wheel) => Promise.resolve(recordedFiles(wheel, platform)),
  };
  const pip: Place = {
    name: 'pip of python3',
    files: () => (asked ??= filesByPip(wheels, platform, environment)),
  };
  return [recorded, pip];
}
