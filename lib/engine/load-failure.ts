import { reasonOf, VirnucproError } from '../errors.js';
import { libraryProblem } from './elf-file.js';
import { linkerProblem } from './linker-words.js';
import { describeSearch, supportedLibtorch, type Libtorch, type LibtorchSearch, type Refusal } from './libtorch.js';
import { mendingCommand, setupCommand } from './setup-command.js';

const ELSEWHERE = 'a file system that is mounted without noexec';

const ALLOW_ADDONS = 'Run it without --no-addons, and with --permission only together with --allow-addons';

/** No place holds a libtorch that can be used. */
export function libtorchMissing(search: LibtorchSearch): VirnucproError {
  const broken = search.considered.find((candidate) => candidate.broken);
  const places = describeSearch(search).join('; ');
  const isNamed = search.considered.some(({ source }) => source === 'environment');
  const name = isNamed ? '' : ', or set LIBTORCH to the folder of one';
  const next = broken?.next ?? `Run \`${mendingCommand('LIBTORCH')}\`${name}`;
  return failure(`Expected libtorch ${supportedLibtorch}.x but found none: ${places}`, next);
}

/** Why the linker refused this libtorch, in words, and what mends it. */
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

/** @param path of one of the addon's modules */
export function addonFailure(path: string, folder: string, cause: unknown): VirnucproError {
  if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED')
    return failure(`Expected ${path} to load but this Node was told to load no addons`, ALLOW_ADDONS, cause);
  const { problem, kind, next } = linkerProblem(reasonOf(cause), path);
  return failure(
    `Expected ${path} to load but ${problem}`,
    kind === 'noexec' ? movedAddon(folder) : (next ?? mendedAddon()),
    cause,
  );
}

/** Asked before the linker is, which does not look whether a file is whole. */
export function refuseDamagedAddon(path: string): void {
  const problem = libraryProblem(path);
  if (problem !== undefined) throw failure(`Expected ${path} to be a whole library but it ${problem}`, mendedAddon());
}

export function addonMissing(folders: readonly string[]): VirnucproError {
  return failure(`Expected virnucpro.node and its loader in ${folders.join(' or ')}`, mendedAddon());
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
