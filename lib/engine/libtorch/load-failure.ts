import { delimiter, dirname } from 'node:path';
import { readFileSync, realpathSync } from 'node:fs';
import { reasonOf, VirnucproError } from '../../errors.js';
import { libraryProblem } from './elf-file.js';
import { describeSearch, mendingCommand, setupCommand, supportedLibtorch } from './find-libtorch.js';
import type { Libtorch, LibtorchSearch, Refusal } from './find-libtorch.js';

const ELSEWHERE = 'a file system that is mounted without noexec';

const ALLOW_ADDONS = 'Run it without --no-addons, and use --permission only together with --allow-addons';

/** No place has a usable libtorch. */
export function libtorchMissing(search: LibtorchSearch): VirnucproError {
  const broken = search.considered.find((candidate) => candidate.broken);
  const places = describeSearch(search).join('; ');
  const isNamed = search.considered.some(({ source }) => source === 'environment');
  const name = isNamed ? '' : ', or set LIBTORCH to the folder of one';
  const next = broken?.next ?? `Run \`${mendingCommand('LIBTORCH')}\`${name}`;
  return failure(`No libtorch ${supportedLibtorch}.x was found: ${places}`, next);
}

/** Why the linker refused this libtorch, in plain words, and the remedy. */
export function libtorchRefusal({ root, source }: Libtorch, cause: unknown): Refusal {
  const { problem, kind, next } = linkerProblem(reasonOf(cause), root);
  if (kind === 'noexec') return { reason: problem, next: movedLibtorch(source) };
  return { reason: problem, next: next ?? mendedLibtorch(root, source) };
}

function movedLibtorch(source: Libtorch['source']): string {
  switch (source) {
    case 'environment':
      return `Set LIBTORCH to a copy on ${ELSEWHERE}`;
    case 'python':
      return `Install torch on ${ELSEWHERE}, or set LIBTORCH to a copy of its folder on one`;
    case 'cache':
      return `Set VIRNUCPRO_CACHE to a folder on ${ELSEWHERE}, then run \`${setupCommand()}\``;
  }
}

function mendedLibtorch(root: string, source: Libtorch['source']): string {
  switch (source) {
    case 'environment':
      return `Run \`${mendingCommand('LIBTORCH')}\``;
    case 'python':
      return `Run \`python3 -m pip install --force-reinstall 'torch==${supportedLibtorch}.*'\``;
    case 'cache':
      return `Run \`rm -r ${root}; ${setupCommand()}\``;
  }
}

/** @param path path of one of the addon's modules */
export function addonFailure(path: string, folder: string, cause: unknown): VirnucproError {
  if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED')
    return failure(`${path} does not load: this Node was started with add-ons disabled`, ALLOW_ADDONS, cause);
  const { problem, kind, next } = linkerProblem(reasonOf(cause), path);
  return failure(
    `${path} does not load: ${problem}`,
    kind === 'noexec' ? movedAddon(folder) : (next ?? mendedAddon()),
    cause,
  );
}

/** To be called before loading: the linker does not check whether a file is complete. */
export function refuseDamagedAddon(path: string): void {
  const problem = libraryProblem(path);
  if (problem !== undefined) throw failure(`${path} cannot be loaded: it ${problem}`, mendedAddon());
}

export function addonMissing(folders: readonly string[]): VirnucproError {
  return failure(`virnucpro.node and its loader were not found in ${folders.join(' or ')}`, mendedAddon());
}

function movedAddon(folder: string): string {
  if (process.env['VIRNUCPRO_ADDON']) return `Set VIRNUCPRO_ADDON to a copy of this folder on ${ELSEWHERE}`;
  return `Install virnucpro on ${ELSEWHERE}, or set VIRNUCPRO_ADDON to a copy of ${folder} on one`;
}

function mendedAddon(): string {
  return `Run \`${mendingCommand('VIRNUCPRO_ADDON')}\``;
}

/** @param next what to do, a sentence without its full stop */
export function failure(message: string, next: string, cause?: unknown): VirnucproError {
  return new VirnucproError('VNP_LIBTORCH', `${message}. ${next}`, { cause });
}

/** Why a library does not load. */
interface LinkerProblem {
  /** Follows "PATH does not load: ". */
  readonly problem: string;
  /** `noexec`: its file system forbids execution; a copy elsewhere would load. */
  readonly kind: 'noexec' | 'missing' | 'other';
  /** The remedy, if it is the same for every library. */
  readonly next?: string;
}

/** Package names: Debian and Ubuntu, then Fedora and its relatives. */
const PACKAGES: Readonly<Record<string, readonly [string, string]>> = {
  'libgomp.so.1': ['libgomp1', 'libgomp'],
  'libstdc++.so.6': ['libstdc++6', 'libstdc++'],
  'libgcc_s.so.1': ['libgcc-s1', 'libgcc'],
};

/** Translates the linker's message into the user's terms. @param path the file that was to be loaded */
export function linkerProblem(message: string, path: string): LinkerProblem {
  return (
    unmappable(message, path) ?? oldLibrary(message) ?? missingLibrary(message) ?? { problem: message, kind: 'other' }
  );
}

function unmappable(message: string, path: string): LinkerProblem | undefined {
  const [, file = path] = /^(\/[^:]*): failed to map segment from shared object/.exec(message) ?? [];
  if (!message.includes('failed to map segment')) return undefined;
  const mount = mountOf(file);
  if (mount?.options.includes('noexec'))
    return { problem: `${mount.point} is mounted noexec, so libraries there cannot be loaded`, kind: 'noexec' };
  return {
    problem: `the system refuses to map it: ${message}`,
    kind: 'other',
    next: 'Raise the limit on address space (ulimit -v), or check whether SELinux or AppArmor forbids it',
  };
}

function oldLibrary(message: string): LinkerProblem | undefined {
  const found = /(\/[^:\s]*): version `([A-Z]+)_([\d.]+)' not found \(required by ([^)]*)\)/.exec(message);
  if (!found) return undefined;
  const [, library = '', name = '', version = '', needing = ''] = found;
  const problem = `${library} is too old: ${needing} needs ${name} ${version}`;
  if (name === 'GLIBC') {
    const next = 'Use a newer system or container, or, if the addon needs it, build the addon here: `npm run setup`';
    return { problem: problem.replace('GLIBC ', 'glibc '), kind: 'other', next };
  }
  const searched = (process.env['LD_LIBRARY_PATH'] ?? '').split(delimiter).includes(dirname(library));
  return {
    problem,
    kind: 'other',
    next: searched
      ? `Run \`unset LD_LIBRARY_PATH\`, which puts ${dirname(library)} before the system's libraries`
      : 'Use a newer system or container, or put a newer libstdc++ first: `conda install -c conda-forge libstdcxx-ng`, ' +
        'then `export LD_LIBRARY_PATH=$CONDA_PREFIX/lib`',
  };
}

function missingLibrary(message: string): LinkerProblem | undefined {
  const [, name] = /^([^/:]+\.so[^/:]*): cannot open shared object file: No such file/.exec(message) ?? [];
  if (name === undefined) return undefined;
  const next = nextForMissing(name);
  return { problem: `${name} is missing`, kind: 'missing', ...(next !== undefined && { next }) };
}

/** undefined for libraries that come with libtorch. */
function nextForMissing(name: string): string | undefined {
  const packages = PACKAGES[name];
  if (packages) return `Run \`apt-get install ${packages[0]}\` or \`dnf install ${packages[1]}\``;
  if (/^lib(c10|torch|shm|cu|nv|nccl|caffe2)/.test(name)) return undefined;
  return `Install the package that contains it; find its name with \`apt-file search ${name}\` or \`dnf provides '*/${name}'\``;
}

interface Mount {
  readonly point: string;
  /** Options of the mount and of its file system, e.g. `rw`, `noexec`. */
  readonly options: readonly string[];
}

/** The mount that a path is on; undefined if the system does not report it. */
function mountOf(path: string): Mount | undefined {
  try {
    const real = realpathSync(path);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n').map(parseMount);
    const holding = mounts.filter(({ point }) => point === '/' || real === point || real.startsWith(`${point}/`));
    // Of mounts stacked on one point, the last is in effect.
    return holding.sort((one, other) => one.point.length - other.point.length).at(-1);
  } catch {
    return undefined;
  }
}

/**
 * See proc_pid_mountinfo(5): field 5 is the mount point, field 6 its options; the last has the file system's options.
 */
function parseMount(line: string): Mount {
  const fields = line.split(' ');
  const point = (fields[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
  return { point, options: `${fields[5] ?? ''},${fields.at(-1) ?? ''}`.split(',') };
}
