import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import { JOURNAL, RUN_LOG, RUN_MANIFEST } from './files.js';
import type { RunManifest } from './manifest.js';
import { outputError } from './output-error.js';
import type { ClaimedDirectory } from './ownership.js';
import { codeOf } from './system.js';
import type { SharedFiles } from './system.js';

/**
 * Contains the complete new files of a run that has committed them and is putting them in place, in a subfolder named
 * after the run's token. If it is found later, its run was killed, and the next one to claim the directory finishes the
 * work. Earlier versions had no subfolder.
 */
export const REPLACEMENT_FOLDER = '.replacement';
/** Beside the new files: what else the replacement changes. */
const PLACING_FILE = 'placing.json';
/** Beside the new files: the earlier file that was moved away last. */
const EARLIER = 'earlier';

export interface Placing {
  /** Names of the files in the folder of results, except run.json, which is also there. */
  readonly names: readonly string[];
  /** Files of an earlier run to remove; none of `names`. */
  readonly outdated: readonly string[];
  /** Whether the journal is then no longer needed and is removed. */
  readonly isFinal: boolean;
}

/**
 * Replaces the files of an earlier run by those in the folder of results, run.json last. A kill at any moment leaves
 * either all old files, or a folder from which the next run puts all new ones in place. The commit is a single rename,
 * which succeeds only while the directory is this run's and no other run has committed.
 *
 * @throws VirnucproError VNP_OUTPUT, VNP_OUTPUT_LOST
 */
export async function putInPlace(claimed: ClaimedDirectory, placing: Placing): Promise<void> {
  const { path, shownPath, token, ownership, system } = claimed;
  try {
    await ownership.check();
    await prepare(claimed, placing);
    await decide(claimed);
    await system.files.forceToDisk(path);
    const folder = join(path, REPLACEMENT_FOLDER, token);
    await placeFiles(claimed, folder, placing);
    if (placing.isFinal) await moveAway(claimed, JOURNAL.name, folder);
    await clearUp(claimed, folder).catch(() => undefined);
  } catch (cause) {
    const error = cause instanceof VirnucproError ? cause : outputError('cannot be put in place', shownPath, cause);
    throw await ownership.causeOf(error);
  }
}

/**
 * Completes a replacement that another run had committed but not carried out, if there is one. First takes it over, by
 * another rename, so that two runs never do it at the same time.
 *
 * @throws VirnucproError VNP_OUTPUT, VNP_OUTPUT_LOST
 */
export async function finishReplacement(claimed: ClaimedDirectory): Promise<void> {
  const { path, token, system } = claimed;
  const { files } = system;
  const outer = join(path, REPLACEMENT_FOLDER);
  if (!(await files.isFolder(outer))) return;
  const found = await files.names(outer);
  let folder = outer;
  // In earlier versions run.json was in it directly.
  if (!found.includes(RUN_MANIFEST.name)) {
    folder = join(outer, token);
    // Names that begin with a dot belong to the file system.
    for (const name of found.filter((text) => !text.startsWith('.'))) await files.rename(join(outer, name), folder);
  }
  const left = await whatIsLeft(claimed, folder);
  if (left) {
    await placeFiles(claimed, folder, left);
    if (left.isFinal) await moveAway(claimed, JOURNAL.name, folder);
  }
  await clearUp(claimed, folder);
}

/** Makes sure that the folder of results is complete and on the disk. */
async function prepare({ results, unfinished, system: { files } }: ClaimedDirectory, placing: Placing): Promise<void> {
  const there = await files.names(results);
  const missing = [...placing.names, RUN_MANIFEST.name].find((name) => !there.includes(name));
  if (missing !== undefined) throw new Error(`${missing} was removed during the run`);
  const { outdated, isFinal } = placing;
  await files.write(join(results, PLACING_FILE), JSON.stringify({ outdated, isFinal }));
  for (const folder of [results, join(unfinished, 'new')]) await files.forceToDisk(folder);
}

async function decide({ path, unfinished, shownPath, system: { files } }: ClaimedDirectory): Promise<void> {
  const outer = join(path, REPLACEMENT_FOLDER);
  const rename = (): Promise<void> => files.rename(join(unfinished, 'new'), outer);
  try {
    await rename();
  } catch (cause) {
    const code = codeOf(cause);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw cause;
    if (await isDecided(files, outer)) {
      throw new VirnucproError(
        'VNP_OUTPUT_LOST',
        `Another run is putting its results in place in ${shownPath}. Wait for it`,
      );
    }
    // Left behind by an earlier replacement that could not remove it.
    await files.rename(outer, join(unfinished, 'rest'));
    await rename();
  }
}

async function isDecided(files: SharedFiles, outer: string): Promise<boolean> {
  for (const name of await files.names(outer)) {
    const names = await files.names(join(outer, name)).catch((): string[] => []);
    if (names.includes(RUN_MANIFEST.name)) return true;
  }
  return false;
}

type Others = Pick<Placing, 'outdated' | 'isFinal'>;

/**
 * What remains to be put in place; undefined if nothing does, or if files that run.json lists are missing, as after a
 * clean-up.
 */
async function whatIsLeft({ path, system }: ClaimedDirectory, folder: string): Promise<Placing | undefined> {
  const { files } = system;
  const read = async (name: string): Promise<unknown> => JSON.parse((await files.read(join(folder, name))).text);
  try {
    // run.json is moved last: without it, nothing is left to do.
    const manifest = (await read(RUN_MANIFEST.name)) as RunManifest;
    const isOfEarlierVersion = folder === join(path, REPLACEMENT_FOLDER);
    const others = isOfEarlierVersion ? { outdated: [], isFinal: false } : ((await read(PLACING_FILE)) as Others);
    const there = await files.names(folder);
    for (const { name, bytes, sha256 } of manifest.files.filter((file) => !there.includes(file.name))) {
      const found = await files.digest(join(path, name));
      if (found.bytes !== bytes || found.sha256 !== sha256) return undefined;
    }
    const names = [...manifest.files.map(({ name }) => name), RUN_LOG.name].filter((name) => there.includes(name));
    return { names, ...others };
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR' || cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** Moves files from the folder to where users look for them. */
async function placeFiles(claimed: ClaimedDirectory, folder: string, { names, outdated }: Placing): Promise<void> {
  const { path, system } = claimed;
  const { files } = system;
  // The old run.json goes first: without one, a mixture of two runs cannot be taken for a finished run.
  for (const name of [RUN_MANIFEST.name, ...outdated]) await moveAway(claimed, name, folder);
  for (const name of names) await files.rename(join(folder, name), join(path, name));
  await files.forceToDisk(path);
  await files.rename(join(folder, RUN_MANIFEST.name), join(path, RUN_MANIFEST.name));
  await files.forceToDisk(path);
}

/**
 * Moves a file of an earlier run, if there is one, into the folder, which no longer exists if another run has taken
 * over. All get the same name there, because a prefix could make a name too long.
 */
async function moveAway({ path, system }: ClaimedDirectory, name: string, folder: string): Promise<void> {
  await system.files.rename(join(path, name), join(folder, EARLIER)).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') throw cause;
  });
}

/** Removes the folder, whose remaining content nobody needs. */
async function clearUp({ path, unfinished, system: { files } }: ClaimedDirectory, folder: string): Promise<void> {
  const outer = join(path, REPLACEMENT_FOLDER);
  if (folder !== outer) await files.remove(folder);
  await files.removeEmptyFolder(outer).catch(async (cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') await files.rename(outer, join(unfinished, 'replaced'));
  });
}
