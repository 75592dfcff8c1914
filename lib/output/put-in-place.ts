import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import { JOURNAL, RUN_LOG, RUN_MANIFEST } from './files.js';
import type { RunManifest } from './manifest.js';
import { outputError } from './output-error.js';
import type { ClaimedDirectory } from './ownership.js';
import { codeOf } from './system.js';
import type { SharedFiles } from './system.js';

/**
 * The folder of complete new files that a run has decided on and is putting in place. In it they are in a folder with the
 * run's token. One that is found was left by a run that was killed, and whoever claims the directory next does what is
 * left to do. Earlier versions had the files in it directly.
 */
export const REPLACEMENT_FOLDER = '.replacement';
/** Beside the new files: what else is to be done. */
const PLACING_FILE = 'placing.json';
/** Likewise: what was taken away last. */
const EARLIER = 'earlier';

export interface Placing {
  /** The names of the files in the folder of results, without run.json, which is there, too. */
  readonly names: readonly string[];
  /** Files of an earlier run that must not stay; none of `names`. */
  readonly outdated: readonly string[];
  /** Whether what the journal could bring back is safe then, so that it goes. */
  readonly isFinal: boolean;
}

/**
 * Replaces the files of an earlier run by those in the folder of results, so that a kill at any moment leaves either all
 * old files or a folder from which the next run puts all new ones in place; run.json is last. The moment of the decision
 * is one rename, which succeeds only while the directory is this run's and nobody else has decided.
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
 * Ends what another run had decided on but not carried out; does nothing where there is none. It is taken over first, by
 * another rename, so that two never do it at the same time.
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
    // What begins with a dot belongs to the file system.
    for (const name of found.filter((text) => !text.startsWith('.'))) await files.rename(join(outer, name), folder);
  }
  const left = await whatIsLeft(claimed, folder);
  if (left) {
    await placeFiles(claimed, folder, left);
    if (left.isFinal) await moveAway(claimed, JOURNAL.name, folder);
  }
  await clearUp(claimed, folder);
}

/** Makes sure that the folder of results is whole, and on the disk. */
async function prepare({ results, unfinished, system: { files } }: ClaimedDirectory, placing: Placing): Promise<void> {
  const there = await files.names(results);
  const missing = [...placing.names, RUN_MANIFEST.name].find((name) => !there.includes(name));
  if (missing !== undefined) throw new Error(`${missing} was removed while the run went on`);
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
    // What an earlier replacement could not get rid of.
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
 * What is to be put in place still; undefined where nothing is, or where what is there is not all that run.json speaks of:
 * a clean-up may have been here.
 */
async function whatIsLeft({ path, system }: ClaimedDirectory, folder: string): Promise<Placing | undefined> {
  const { files } = system;
  const read = async (name: string): Promise<unknown> => JSON.parse((await files.read(join(folder, name))).text);
  try {
    // The last to go: without it there is nothing left to do.
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
  // First the old run.json goes: without one, a mixture of two runs cannot be taken for a finished run.
  for (const name of [RUN_MANIFEST.name, ...outdated]) await moveAway(claimed, name, folder);
  for (const name of names) await files.rename(join(folder, name), join(path, name));
  await files.forceToDisk(path);
  await files.rename(join(folder, RUN_MANIFEST.name), join(path, RUN_MANIFEST.name));
  await files.forceToDisk(path);
}

/**
 * Takes a file of an earlier run away, if there is one: into the folder, which is gone where another has taken over. All
 * get the same name there, for with anything before it a name may be too long.
 */
async function moveAway({ path, system }: ClaimedDirectory, name: string, folder: string): Promise<void> {
  await system.files.rename(join(path, name), join(folder, EARLIER)).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') throw cause;
  });
}

/** Removes the folder, which has nothing that anybody needs. */
async function clearUp({ path, unfinished, system: { files } }: ClaimedDirectory, folder: string): Promise<void> {
  const outer = join(path, REPLACEMENT_FOLDER);
  if (folder !== outer) await files.remove(folder);
  await files.removeEmptyFolder(outer).catch(async (cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') await files.rename(outer, join(unfinished, 'replaced'));
  });
}
