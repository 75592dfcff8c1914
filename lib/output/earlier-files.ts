import { readFileSync } from 'node:fs';
import { lstat, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, VirnucproError } from '../errors.js';
import { isResultName, JOURNAL, OUTPUT_FILES, type OutputFile, outputFileName, RUN_MANIFEST } from './files.js';
import { outputError } from './output-error.js';

/**
 * Names of an earlier run's files in the directory, except run.json and the journal: those with fixed names, and of the
 * others those that run.json lists and this program may have written.
 *
 * @param path of the directory
 * @param inputs paths of files that never count, whatever their names
 */
export async function earlierFiles(path: string, inputs: readonly string[]): Promise<string[]> {
  const fixed = OUTPUT_FILES.map(({ name }) => name).filter((name) => !name.includes('{'));
  const names = new Set([...fixed, ...namesInManifest(path).filter(isResultName)]);
  const kept = new Set((await Promise.all(inputs.map(fileAt))).filter((file) => file !== undefined));
  const found: string[] = [];
  for (const name of names) {
    if (name === RUN_MANIFEST.name || name === JOURNAL.name) continue;
    const there = await lstat(join(path, name)).catch(() => undefined);
    const isFile = there?.isFile() === true || there?.isSymbolicLink() === true;
    if (isFile && !kept.has((await fileAt(join(path, name))) ?? '')) found.push(name);
  }
  return found;
}

/** The names that run.json lists, unchecked: anybody may have written it. */
function namesInManifest(path: string): string[] {
  try {
    const { files } = JSON.parse(readFileSync(join(path, RUN_MANIFEST.name), 'utf8')) as { files?: unknown };
    if (!Array.isArray(files)) return [];
    const names = files.map((file: unknown) => (file as { name?: unknown } | null)?.name);
    return names.filter((name) => typeof name === 'string');
  } catch {
    return [];
  }
}

/** Identifies a file whatever its path; undefined if there is none. */
async function fileAt(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}

export interface ResultFilesToCheck {
  /** The directory as errors name it. */
  readonly shownDirectory: string;
  /** Path to the directory, and the folder in it that files are written to first. */
  readonly path: string;
  readonly unfinished: string;
  readonly inputName: string;
  readonly chunkSize: number;
  readonly keepIntermediate: boolean;
}

const STICKY = 0o1000;

/**
 * Checks at the start what would otherwise fail after all the work: names that the file system does not accept, and
 * files of an earlier run that cannot be replaced.
 *
 * @throws VirnucproError VNP_OUTPUT
 */
export async function checkResultFiles(request: ResultFilesToCheck): Promise<void> {
  for (const file of OUTPUT_FILES) {
    const name = outputFileName(file, request.inputName, request.chunkSize);
    await checkReplaceable(request, name);
    if (file.when !== 'keep-intermediate' || request.keepIntermediate) await checkName(request, file, name);
  }
}

/** By trying: file systems differ in the names and lengths that they accept. */
async function checkName({ unfinished, shownDirectory }: ResultFilesToCheck, file: OutputFile, name: string) {
  const path = join(unfinished, name);
  try {
    await writeFile(path, '', { flag: 'wx' });
    await rm(path);
  } catch (cause) {
    const shown = join(shownDirectory, name);
    if (file.when !== 'keep-intermediate') throw outputError('cannot be made', shown, cause);
    throw new VirnucproError(
      'VNP_OUTPUT',
      `${shown} cannot be made: ${reasonOf(cause)}. It is named after the input: give that a shorter or simpler name, ` +
        'or leave out `sequences`',
    );
  }
}

/**
 * Refuses an existing file that this user cannot replace.
 *
 * @throws VirnucproError VNP_OUTPUT
 */
export async function checkReplaceable(
  { path, shownDirectory }: Pick<ResultFilesToCheck, 'path' | 'shownDirectory'>,
  name: string,
): Promise<void> {
  const found = await stat(join(path, name)).catch(() => undefined);
  if (!found?.isFile()) return;
  const reason = (await isOfOthers(path, found.uid))
    ? 'it belongs to another user in a directory with the sticky bit, where only its owner may replace it'
    : (await isImmutable(join(path, name)))
      ? 'its attributes keep it from being changed (see lsattr)'
      : undefined;
  if (reason === undefined) return;
  const shown = join(shownDirectory, name);
  throw new VirnucproError('VNP_OUTPUT', `${shown} cannot be replaced: ${reason}. Choose another output directory`);
}

async function isOfOthers(directory: string, owner: number): Promise<boolean> {
  const { mode, uid } = await stat(directory);
  const user = process.geteuid?.();
  return (mode & STICKY) !== 0 && user !== 0 && user !== uid && user !== owner;
}

/** A file that is merely read-only gives EACCES, and can be replaced. */
async function isImmutable(path: string): Promise<boolean> {
  try {
    await (await open(path, 'r+')).close();
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
