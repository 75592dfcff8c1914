import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { counted, expected, VirnucproError } from '../errors.js';
import {
  checkChoice,
  checkGiven,
  checkKind,
  checkNames,
  isFunction,
  isSignal,
  isTexts,
  namesOf,
} from '../option-checks.js';
import { unlessAborted } from '../unless-aborted.js';
import { ArchiveDamage, archiveError, COMPRESSION_EXTENSIONS } from './compression.js';
import { CONTENT_BYTES, ContentGate, LETTER_KINDS, parserFor, recordFormat } from './content.js';
import type { LetterKind } from './content.js';
import { decompressed } from './decompressed.js';
import { fileBlocks, unreadable } from './file-blocks.js';
import { sameContentWarning } from './input-progress.js';
import { printablePath } from './text.js';

/** The name that stands for standard input. */
export const STANDARD_INPUT = '-';

/**
 * Endings of the files that are read from a directory, in either case, alone or followed by one of
 * COMPRESSION_EXTENSIONS. Hidden files are not read.
 */
export const SEQUENCE_EXTENSIONS: readonly string[] = [
  ...['.fa', '.fasta', '.fna', '.ffn', '.fas', '.fsa'],
  ...['.fq', '.fastq'],
];

/** Endings of further files that are read from a directory of proteins. */
const PROTEIN_EXTENSIONS: readonly string[] = ['.faa', '.pep', '.aa'];

/** One input to read: a file, a pipe, or `-` for standard input. */
export interface InputFile {
  /** As it is opened; `-` for standard input. */
  readonly path: string;
  /** Bytes; undefined unless it is a regular file. */
  readonly size: number | undefined;
}

/** What the files of an input should hold, and who hears of it. */
export interface FilesOptions {
  /** `dna` refuses protein, `protein` accepts both, and also reads a directory's files of proteins. Default `dna`. */
  readonly letters?: LetterKind;
  /** Receives warnings, a sentence each, about the entries of a directory that are not read. Default none. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Aborts at once, even when a file system hangs. */
  readonly signal?: AbortSignal | undefined;
}

/** How `checkInputs` looks at the inputs. */
export type CheckOptions = FilesOptions;

const CHECK_OPTIONS = namesOf<CheckOptions>({ letters: true, onWarning: true, signal: true });

function extensionsOf(letters: LetterKind): readonly string[] {
  return letters === 'protein' ? [...SEQUENCE_EXTENSIONS, ...PROTEIN_EXTENSIONS] : SEQUENCE_EXTENSIONS;
}

function withoutCompression(name: string): string {
  const isCompressed = (COMPRESSION_EXTENSIONS as readonly string[]).includes(extname(name).toLowerCase());
  return isCompressed ? name.slice(0, -extname(name).length) : name;
}

/** The name of a file without its folder and endings: `x` for `in/x.fa` and `in/x.fa.gz`. */
export function inputStem(path: string): string {
  const name = withoutCompression(basename(path));
  return name.slice(0, name.length - extname(name).length);
}

function byCodePoint(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

async function filesOfDirectory(
  directory: string,
  { letters = 'dna', onWarning, signal }: FilesOptions,
): Promise<InputFile[]> {
  const extensions = extensionsOf(letters);
  const isSequenceFile = (name: string): boolean =>
    extensions.includes(extname(withoutCompression(name)).toLowerCase());
  const entries = await unlessAborted(readdir(directory, { withFileTypes: true }), signal);
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  const files: InputFile[] = [];
  const unread: Dirent[] = [];
  for (const entry of visible.sort((left, right) => byCodePoint(left.name, right.name))) {
    if (!isSequenceFile(entry.name)) {
      unread.push(entry);
      continue;
    }
    const path = join(directory, entry.name);
    const status = await unlessAborted(stat(path), signal).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw unreadable(path, cause);
    });
    if (status.isFile()) files.push({ path, size: status.size });
    else unread.push(entry);
  }
  if (files.length > 0) {
    const warning = onWarning && (await unreadEntriesWarning(directory, unread, isSequenceFile));
    if (warning !== undefined) onWarning?.(warning);
    return files;
  }
  const endings = `${extensions.join(', ')} (also followed by ${COMPRESSION_EXTENSIONS.join(', ')})`;
  const next = 'Name the files themselves if they have other endings; subdirectories are not searched';
  throw new VirnucproError(
    'VNP_INPUT_MISSING',
    `Input directory ${printablePath(directory)} has no file that ends in ${endings}. ${next}`,
  );
}

/**
 * The files that one input stands for: itself, or the sequence files of a directory, by code point.
 * @throws VirnucproError VNP_INPUT_MISSING; the signal's reason
 */
export async function filesOf(input: string, options: FilesOptions = {}): Promise<InputFile[]> {
  const { signal } = options;
  if (input === STANDARD_INPUT) return [{ path: input, size: undefined }];
  try {
    const status = await unlessAborted(stat(input), signal);
    if (status.isDirectory()) return await filesOfDirectory(input, options);
    return [{ path: input, size: status.isFile() ? status.size : undefined }];
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof VirnucproError ? cause : unreadable(input, cause);
  }
}

/** Checks the start of a regular file. A pipe can be read only once, so it is left to the reader. */
async function fileProblem(
  { path, size }: InputFile,
  letters: LetterKind,
  signal: AbortSignal | undefined,
): Promise<VirnucproError | undefined> {
  if (size === undefined) return undefined;
  const gate = new ContentGate(path, letters);
  try {
    for await (const content of decompressed(fileBlocks(path, CONTENT_BYTES, signal), { inThread: false })) {
      gate.add(content);
      if (gate.format !== undefined) return undefined;
    }
    gate.end(true);
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ArchiveDamage) return archiveError(path, error.message, placeBehind(gate.held, path));
    return error instanceof VirnucproError ? error : unreadable(path, error);
  }
}

/** The place in an input where `head` ends. */
function placeBehind(head: Uint8Array, path: string): string {
  const options = { source: path, firstIndex: 0, memoryLimit: CONTENT_BYTES, temporaryFolder: undefined };
  try {
    const parser = parserFor(recordFormat(path, head, false), options);
    parser.push(head);
    return parser.place;
  } catch {
    return 'before its first record';
  }
}

/**
 * Checks, before anything is loaded, that every input exists, is readable and looks like FASTA or FASTQ of DNA, by the
 * first 64 KiB of its decompressed content. Standard input and pipes are checked when they are read.
 * @param inputs files, directories (see `SEQUENCE_EXTENSIONS`), or `-`
 * @param options `onWarning` also receives files that are given more than once, and nothing when an error is thrown
 * @returns the files in the order in which they are read
 * @throws VirnucproError VNP_ARGUMENT; VNP_USAGE, VNP_INPUT_MISSING or VNP_INPUT_FORMAT: one line for each problem, the
 *   code of the first; the signal's reason
 */
export async function checkInputs(inputs: readonly string[], options: CheckOptions = {}): Promise<InputFile[]> {
  checkGiven('the inputs', inputs, 'an array of paths', isTexts);
  checkNames(CHECK_OPTIONS, options, 'checkInputs');
  const { letters = 'dna', onWarning, signal } = options;
  checkChoice('letters', letters, LETTER_KINDS);
  checkKind('onWarning', onWarning, 'a function', isFunction);
  checkKind('signal', signal, 'an AbortSignal', isSignal);
  if (inputs.length === 0) throw expected('VNP_USAGE', 'at least one file, directory or "-"', 'the input', 'none');
  if (inputs.filter((input) => input === STANDARD_INPUT).length > 1) {
    throw expected('VNP_USAGE', 'standard input ("-") at most once', 'the input', 'it more than once');
  }
  const files: InputFile[] = [];
  const problems: VirnucproError[] = [];
  const warnings: string[] = [];
  for (const input of inputs) {
    try {
      for (const file of await filesOf(input, { letters, signal, onWarning: (text) => warnings.push(text) })) {
        files.push(file);
        const problem = await fileProblem(file, letters, signal);
        if (problem !== undefined) problems.push(problem);
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof VirnucproError)) throw error;
      problems.push(error);
    }
  }
  if (problems.length === 0) {
    if (onWarning) for (const text of [...warnings, ...(await sameFileWarnings(files))]) onWarning(text);
    return files;
  }
  if (problems.length === 1) throw problems[0]!;
  throw new VirnucproError(problems[0]!.code, problems.map(({ message }) => message).join('\n'));
}

/**
 * Finds inputs that are the same file, whatever their paths, by device, inode and size, before they are read.
 * @returns the warnings, in the order of the files
 */
async function sameFileWarnings(files: readonly InputFile[]): Promise<string[]> {
  const earlier = new Map<string, string>();
  const warnings: string[] = [];
  for (const { path, size } of files) {
    if (size === undefined || size === 0) continue;
    // A file that has vanished is reported when it is read.
    const status = await stat(path, { bigint: true }).catch(() => undefined);
    if (!status) continue;
    const file = `${status.dev} ${status.ino} ${size}`;
    const first = earlier.get(file);
    if (first === undefined) earlier.set(file, path);
    else warnings.push(sameContentWarning(path, first));
  }
  return warnings;
}

const MAX_NAMES = 5;

/**
 * The warning about entries of an input directory that are not read.
 * @param entries sorted by code point, without hidden ones
 * @param isSequenceFile whether a name is that of a file to read
 * @returns undefined when there are none to report
 */
async function unreadEntriesWarning(
  directory: string,
  entries: readonly Dirent[],
  isSequenceFile: (name: string) => boolean,
): Promise<string | undefined> {
  const folders: string[] = [];
  const otherEndings: string[] = [];
  const noFiles: string[] = [];
  for (const entry of entries) {
    const { name } = entry;
    const path = join(directory, name);
    if (await isFolder(entry, path)) {
      if (!(await holdsResults(path))) folders.push(name);
    } else if (isSequenceFile(name)) noFiles.push(name);
    else otherEndings.push(name);
  }
  const count = folders.length + otherEndings.length + noFiles.length;
  if (count === 0) return undefined;
  const groups = [
    group(folders, 'folder, which is not searched', 'folders, which are not searched'),
    group(otherEndings, 'file with another ending', 'files with other endings'),
    group(noFiles, 'that is not a regular file', 'that are not regular files'),
  ];
  const verb = count === 1 ? 'is' : 'are';
  return `${counted(count, 'entry')} of directory ${printablePath(directory)} ${verb} not read: ${groups.filter(Boolean).join('; ')}`;
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/** Results may well lie beside their inputs: of a finished run, or of one that is not, under `.unfinished-…`. */
async function holdsResults(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.some((name) => name === 'run.json' || name.startsWith('.unfinished-'));
}

function group(names: readonly string[], one: string, several: string): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, MAX_NAMES).map(printablePath).join(', ');
  const others = names.length - MAX_NAMES;
  return `${names.length} ${names.length === 1 ? one : several} (${shown}${others > 0 ? ` and ${others} more` : ''})`;
}
