import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { homedir } from 'node:os';
import { reasonOf } from '../../errors.js';
import { libraryProblem } from './elf-file.js';
import { packageRoot } from '../../package.js';
import { pythonTorch, pythonTorchAside, type PythonTorch } from './python-torch.js';

/** The libtorch release that the addon's compiled code is compatible with. */
export const supportedLibtorch = '2.11';

export type LibtorchSource = 'environment' | 'python' | 'cache';

export interface Libtorch {
  /** The folder with lib/ (and, for builds, include/). */
  root: string;
  source: LibtorchSource;
  /** As libtorch names itself, e.g. `2.11.0+cu130`. */
  version: string;
  /** Whether libtorch_cuda.so exists; libraries that it needs may still be missing. */
  cuda: boolean;
}

/** One place that was searched, and what was found there. */
export interface LibtorchCandidate {
  source: LibtorchSource;
  /** The folder, or what was searched if that yielded no folder. */
  place: string;
  verdict: string;
  /** It is, or may be, a suitable libtorch, but cannot be used: worth reporting even if another one is found. */
  broken?: true;
  /** The remedy, if the linker's message implies one. */
  next?: string;
}

/** Why the linker refused a libtorch, and the remedy. */
export interface Refusal {
  reason: string;
  next: string;
}

export interface LibtorchSearch {
  /** undefined if no place has a libtorch of the supported release. */
  chosen: Libtorch | undefined;
  /** In search order, up to and including the chosen one. */
  considered: readonly LibtorchCandidate[];
}

export interface LibtorchSearchOptions {
  environment?: NodeJS.ProcessEnv;
  /**
   * Whether to skip a `python3` torch without CUDA, since the cache may have one with it. Defaults to whether an NVIDIA
   * driver is present.
   */
  cuda?: boolean;
  /** By folder: those that the linker has refused. */
  refused?: ReadonlyMap<string, Refusal>;
}

/** The folder in the cache that setup unpacks this release into. */
export function cachedLibtorchFolder(version: string, environment: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(environment), `libtorch-${version}-${process.platform}-${process.arch}`);
}

/**
 * Looks for libtorch in this order: $LIBTORCH (if set, the only place searched), the torch of the `python3` on PATH
 * (located, not imported), the cache. Never throws; the reason for each skipped place is kept. Blocks while Python
 * starts.
 */
export function findLibtorch(options: LibtorchSearchOptions = {}): LibtorchSearch {
  const { environment = process.env } = options;
  return search(environment['LIBTORCH'] ? undefined : pythonTorch(environment), options);
}

/** Like `findLibtorch`, but waits for Python without blocking. @throws the signal's reason */
export async function findLibtorchAside(
  options: LibtorchSearchOptions = {},
  signal?: AbortSignal,
): Promise<LibtorchSearch> {
  const { environment = process.env } = options;
  return search(environment['LIBTORCH'] ? undefined : await pythonTorchAside(environment, signal), options);
}

/** @param python undefined if $LIBTORCH is set */
function search(python: PythonTorch | undefined, options: LibtorchSearchOptions): LibtorchSearch {
  const environment = options.environment ?? process.env;
  const cuda = options.cuda ?? nvidiaDriver(environment) !== undefined;
  const considered: LibtorchCandidate[] = [];
  const places: Iterable<Place> =
    python === undefined
      ? [{ source: 'environment', place: resolve(environment['LIBTORCH'] ?? '') }]
      : fallbackPlaces(python, environment);
  for (const place of places) {
    const examined = examine(place, cuda, options.refused?.get(place.place));
    if ('root' in examined) {
      considered.push({ ...nameOf(place), verdict: `chosen: libtorch ${examined.version}` });
      return { chosen: examined, considered };
    }
    considered.push({ ...nameOf(place), ...examined });
  }
  return { chosen: undefined, considered };
}

/** The search as readable lines, one for each place. */
export function describeSearch(search: LibtorchSearch): string[] {
  const names = { environment: '$LIBTORCH', python: 'python3 on PATH', cache: 'cache' };
  return search.considered.map(({ source, place, verdict }) => `${names[source]} (${place}): ${verdict}`);
}

/** Why a place has no usable libtorch. */
type Unusable = Omit<LibtorchCandidate, 'source' | 'place'>;

interface Place {
  source: LibtorchSource;
  place: string;
  /** Set if there is no folder to examine. */
  absent?: Unusable;
}

function nameOf({ source, place }: Place): { source: LibtorchSource; place: string } {
  return { source, place };
}

/** A generator, so that the cache is not read if Python has a torch. */
function* fallbackPlaces(python: PythonTorch, environment: NodeJS.ProcessEnv): Generator<Place> {
  yield pythonPlace(python);
  yield* cachePlaces(environment);
}

function pythonPlace(found: PythonTorch): Place {
  if ('folder' in found) return { source: 'python', place: found.folder };
  return { source: 'python', place: 'python3', absent: found };
}

function* cachePlaces(environment: NodeJS.ProcessEnv): Generator<Place> {
  const folder = cacheFolder(environment);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    yield {
      source: 'cache',
      place: folder,
      absent: isAbsence(error) ? { verdict: 'holds no libtorch' } : unreadable(error),
    };
    return;
  }
  const fitting = names
    .filter((name) => name.startsWith(`libtorch-${supportedLibtorch}.`))
    .filter((name) => name.endsWith(`-${process.platform}-${process.arch}`))
    .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }));
  if (fitting.length === 0) yield { source: 'cache', place: folder, absent: { verdict: 'holds no libtorch' } };
  for (const name of fitting) yield { source: 'cache', place: join(folder, name, 'torch') };
}

/** The libtorch in this place, or why it has no usable one. */
function examine(place: Place, cudaWanted: boolean, refused?: Refusal): Libtorch | Unusable {
  if (place.absent !== undefined) return place.absent;
  try {
    return examineFolder(place, cudaWanted, refused);
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(cause: unknown): Unusable {
  const verdict = `cannot be read: ${reasonOf(cause)}`;
  return { verdict, broken: true, next: 'Set LIBTORCH to the folder of a libtorch that this user can read' };
}

function isAbsence(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
}

/** @throws if that cannot be determined, as in another user's folder */
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (cause) {
    if (isAbsence(cause)) return false;
    throw cause;
  }
}

function examineFolder({ source, place }: Place, cudaWanted: boolean, refused?: Refusal): Libtorch | Unusable {
  if (!isThere(join(place, 'lib', 'libtorch_cpu.so'))) return { verdict: 'has no lib/libtorch_cpu.so' };
  if (source === 'cache' && !isThere(join(dirname(place), 'nvidia'))) return { verdict: 'is incomplete' };
  const version = readVersion(place);
  if (version === undefined) return { verdict: 'does not state its version (version.py or build-version)' };
  if (!version.startsWith(`${supportedLibtorch}.`))
    return { verdict: `is libtorch ${version}, not ${supportedLibtorch}.x` };
  const cuda = isThere(join(place, 'lib', 'libtorch_cuda.so'));
  if (source === 'python' && cudaWanted && !cuda)
    return { verdict: `is libtorch ${version} without CUDA, but this machine has a GPU` };
  const problem = damage(place);
  if (problem !== undefined) return { verdict: problem, broken: true };
  if (refused) return { verdict: `does not load: ${refused.reason}`, broken: true, next: refused.next };
  return { root: place, source, version, cuda };
}

/**
 * The CUDA version that a libtorch was built for, e.g. `13.0`: from its version's `+cu130`, else from the Python
 * package's version.py; undefined if neither states it.
 */
export function cudaVersionOf({ root, version }: Libtorch): string | undefined {
  const [, major, minor] = /\+cu(\d+)(\d)$/.exec(version) ?? [];
  if (major !== undefined && minor !== undefined) return `${major}.${minor}`;
  const python = join(root, 'version.py');
  return isThere(python) ? /^cuda\b.*= '([^']+)'/m.exec(readFileSync(python, 'utf8'))?.[1] : undefined;
}

/** Checks only what every run needs; the linker reports what else is missing. */
function damage(root: string): string | undefined {
  for (const name of ['libc10.so', 'libtorch_cpu.so']) {
    const problem = libraryProblem(join(root, 'lib', name));
    if (problem !== undefined) return `is damaged: lib/${name} ${problem}`;
  }
  return undefined;
}

/** Read from the Python package's version.py, or from the build-version file of a libtorch archive. */
function readVersion(root: string): string | undefined {
  const python = join(root, 'version.py');
  if (isThere(python)) return /^__version__ = '([^']+)'/m.exec(readFileSync(python, 'utf8'))?.[1];
  const archive = join(root, 'build-version');
  return isThere(archive) ? readFileSync(archive, 'utf8').trim() : undefined;
}

const libraryFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/nvidia/lib64',
  '/usr/lib/wsl/lib',
];

/**
 * Evidence that this machine has an NVIDIA driver: the path of its kernel module's folder or of its user library. Reads
 * only the file system, so that it works before anything native is built.
 */
export function nvidiaDriver(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return ['/proc/driver/nvidia', ...driverLibraries(environment)].find((path) => existsSync(path));
}

/** Where the driver's user library may be, in the order of the linker. */
export function driverLibraries(environment: NodeJS.ProcessEnv = process.env): string[] {
  const searched = (environment['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...searched, ...libraryFolders].map((folder) => join(folder, 'libcuda.so.1'));
}

/** Folder of downloads shared by checkouts: $VIRNUCPRO_CACHE, $XDG_CACHE_HOME/virnucpro or ~/.cache/virnucpro. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment['VIRNUCPRO_CACHE']) return environment['VIRNUCPRO_CACHE'];
  return join(environment['XDG_CACHE_HOME'] || join(homeFolder(), '.cache'), 'virnucpro');
}

/** The user's home, or `/` if there is none, as in a container that runs as a user without a passwd entry. */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/**
 * The command that fetches libtorch and provides the addon: in a checkout it also compiles. A bundle, recognised by its
 * MANIFEST.json, lacks only libtorch.
 */
export function setupCommand(): string {
  if (isBundle()) return `python3 -m pip install 'torch==${supportedLibtorch}.*'`;
  return isCheckout() ? 'npm run setup' : 'npx virnucpro setup';
}

function isBundle(): boolean {
  return existsSync(join(packageRoot, 'MANIFEST.json'));
}

function isCheckout(): boolean {
  return existsSync(join(packageRoot, 'tsconfig.json'));
}

/** How to get a libtorch for this CUDA version, worded to stand in parentheses. */
export function setupCommandForCuda(major: number): string {
  if (isBundle())
    return `torch ${supportedLibtorch} from PyTorch's index for that CUDA version, installed for python3 or named in LIBTORCH`;
  const argumentsOf = isCheckout() ? ' --' : '';
  return `\`${mendingCommand('LIBTORCH')}${argumentsOf} --cuda ${major}\``;
}

/** Like `setupCommand`, but first unsets variables that name another libtorch or addon, since they take precedence. */
export function mendingCommand(...variables: ('LIBTORCH' | 'VIRNUCPRO_ADDON')[]): string {
  const setup = setupCommand();
  const set = variables.filter((name) => process.env[name]);
  return set.length > 0 ? `unset ${set.join(' ')}; ${setup}` : setup;
}
