import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_MANIFEST } from './files.js';
import { outputError } from './output-error.js';

/**
 * The folder of complete new files that `virnucpro call` has decided on and is putting in place. One that is found was
 * left by a call that was killed, and `finishReplacement` does what is left to do.
 */
export const REPLACEMENT_FOLDER = '.replacement';

export interface Placing {
  /** The folder that the files are in. */
  readonly from: string;
  /** The directory that they go to. */
  readonly to: string;
  /** The directory as errors name it. */
  readonly shownDirectory: string;
  /** The names of the files, without run.json. */
  readonly names: readonly string[];
  /** Files of an earlier run that must not stay. */
  readonly outdated: readonly string[];
}

/**
 * Moves finished files to where users look for them, run.json last.
 *
 * @throws VirnucproError VNP_OUTPUT
 */
export async function putInPlace({ from, to, shownDirectory, names, outdated }: Placing): Promise<void> {
  let name = RUN_MANIFEST.name;
  try {
    // First the old run.json goes: without one, a mixture of two runs cannot be taken for a finished run.
    for (name of [RUN_MANIFEST.name, ...outdated]) await rm(join(to, name), { force: true });
    for (name of [...names, RUN_MANIFEST.name]) await rename(join(from, name), join(to, name));
  } catch (cause) {
    throw outputError('a finished file that can be put in place', join(shownDirectory, name), cause);
  }
}

/**
 * Replaces files of a finished run by those in a folder of new ones, its run.json among them, so that a kill at any moment
 * leaves either all old files or a folder from which `finishReplacement` puts all new ones in place.
 *
 * @param folder on the same file system; it is gone afterwards
 * @throws VirnucproError VNP_OUTPUT
 */
export async function replaceFiles(folder: string, directory: string, shownDirectory: string): Promise<void> {
  try {
    await forceToDisk(folder);
    // The moment of the decision: a folder of this name is complete.
    await rename(folder, join(directory, REPLACEMENT_FOLDER));
    await forceToDisk(directory);
  } catch (cause) {
    throw outputError('new files that can be put in place', shownDirectory, cause);
  }
  await finishReplacement(directory, shownDirectory);
}

/**
 * Ends a replacement that was decided on but not carried out; does nothing where there is none.
 *
 * @throws VirnucproError VNP_OUTPUT
 */
export async function finishReplacement(directory: string, shownDirectory: string): Promise<void> {
  const folder = join(directory, REPLACEMENT_FOLDER);
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) return;
  // run.json is the last to go: without it there is nothing left to do.
  if (names.includes(RUN_MANIFEST.name)) {
    const others = names.filter((name) => name !== RUN_MANIFEST.name);
    await putInPlace({ from: folder, to: directory, shownDirectory, names: others, outdated: [] });
    await forceToDisk(directory);
  }
  await removeReplacement(directory);
}

/** Gives a replacement up, for its files are about to be those of another run. */
export async function removeReplacement(directory: string): Promise<void> {
  const folder = join(directory, REPLACEMENT_FOLDER);
  await rm(join(folder, RUN_MANIFEST.name), { force: true });
  await rm(folder, { recursive: true, force: true });
}

/** So that names and what they stand for survive a power failure in this order, where the file system can do that. */
export async function forceToDisk(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
