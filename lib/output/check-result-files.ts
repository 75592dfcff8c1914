import { open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expected } from '../errors.js';
import * as files from './files.js';
import { outputError } from './output-error.js';

export interface ResultFilesToCheck {
  /** The directory as errors name it. */
  readonly shownDirectory: string;
  /** The same as it is reached, and the folder in it that files are written to first. */
  readonly path: string;
  readonly unfinished: string;
  readonly inputName: string;
  readonly chunkSize: number;
  readonly keepIntermediate: boolean;
}

const STICKY = 0o1000;

/**
 * Finds at the start of a run what would otherwise fail after all its work: files that no file system call can name, and
 * files of an earlier run that cannot be replaced.
 *
 * @throws VirnucproError VNP_OUTPUT
 */
export async function checkResultFiles(request: ResultFilesToCheck): Promise<void> {
  for (const file of files.OUTPUT_FILES) {
    const name = files.outputFileName(file, request.inputName, request.chunkSize);
    await checkReplaceable(request, name);
    if (file.when !== 'keep-intermediate' || request.keepIntermediate) await checkName(request, file, name);
  }
}

/** By trying: which names and how long ones are possible differs between file systems. */
async function checkName({ unfinished, shownDirectory }: ResultFilesToCheck, file: files.OutputFile, name: string) {
  const path = join(unfinished, name);
  try {
    await writeFile(path, '', { flag: 'wx' });
    await rm(path);
  } catch (cause) {
    const shown = join(shownDirectory, name);
    if (file.when !== 'keep-intermediate') throw outputError('a file that can be made', shown, cause);
    throw expected(
      'VNP_OUTPUT',
      'a file that can be made',
      shown,
      (cause as Error).message,
      'It is named after the input: give that a shorter or simpler name, or leave out --keep-intermediate',
    );
  }
}

/**
 * Refuses a file that is there and that this user cannot replace.
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
    ? 'a file of another user in a directory with the sticky bit, where only its owner may replace it'
    : (await isImmutable(join(path, name)))
      ? 'a file that its attributes keep from being changed (see lsattr)'
      : undefined;
  if (reason === undefined) return;
  const shown = join(shownDirectory, name);
  throw expected('VNP_OUTPUT', 'a file that can be replaced', shown, reason, 'Choose another output directory');
}

async function isOfOthers(directory: string, owner: number): Promise<boolean> {
  const { mode, uid } = await stat(directory);
  const user = process.geteuid?.();
  return (mode & STICKY) !== 0 && user !== 0 && user !== uid && user !== owner;
}

/** A file that merely may not be written to says EACCES, and can be replaced. */
async function isImmutable(path: string): Promise<boolean> {
  try {
    await (await open(path, 'r+')).close();
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
