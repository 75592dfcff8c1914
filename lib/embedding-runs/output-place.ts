import { lstat, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { filesOf } from '../embedding-files/vector-files.js';
import { VirnucproError } from '../errors.js';
import { writeToDisk } from '../disk.js';
import { claimDirectory, releaseDirectory } from '../output/output-directory.js';
import type { ClaimOptions } from '../output/output-directory.js';
import { outputError } from '../output/output-error.js';
import type { ClaimedDirectory } from '../output/ownership.js';
import { codeOf } from '../output/system.js';
import { manifestPath, readEmbeddingManifest } from './manifest.js';
import type { EmbeddingManifest } from './manifest.js';
import type { EmbeddingPlan } from './plan.js';

const JOURNAL = 'journal';
const CHOOSE_OR_REPLACE = 'Choose another output, or replace it with `force: true`';

export interface OutputPlaceOptions extends Pick<ClaimOptions, 'onWaiting' | 'signal'> {
  /** Replaces an earlier output, and discards an unfinished run. Default false. */
  readonly force?: boolean;
  /** Continues an unfinished run, if there is one. Default false. */
  readonly resume?: boolean;
}

type Place = Pick<EmbeddingPlan, 'output' | 'format'>;

/** The folder that holds an unfinished run, beside its output. */
function workFolder(output: string): string {
  return `${output.replace(/\/+$/, '')}.unfinished`;
}

/** Path of the journal of an unfinished run. */
export function journalPath(output: string): string {
  return join(workFolder(output), JOURNAL);
}

function claimOptions(
  { output }: Place,
  { force = false, resume = false, ...others }: OutputPlaceOptions,
): ClaimOptions {
  const accepts = (names: readonly string[]): boolean => {
    if (names.every((name) => name === JOURNAL) && (resume || names.length === 0)) return true;
    if (!names.includes(JOURNAL)) return false;
    const next = 'Resume it with `resume: true`, or start over with `force: true`, which discards what it has computed';
    throw new VirnucproError('VNP_OUTPUT', `A run that was to write ${output} is not finished. ${next}`);
  };
  return { ...others, force, accepts };
}

/** @throws VirnucproError VNP_OUTPUT */
async function refuseEarlierOutput(place: Place, { force, resume }: OutputPlaceOptions): Promise<void> {
  const { output, format } = place;
  const parent = await stat(dirname(output)).catch(() => undefined);
  if (parent && !parent.isDirectory()) {
    const cause = Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    throw outputError('cannot be written', output, cause);
  }
  for (const path of [...filesOf(format, output)]) {
    const found = await lstat(path).catch(() => undefined);
    if (!found) continue;
    if (found.isDirectory()) await refuseFolder(path, place, force === true);
    else if (force !== true) {
      const isUnfinished = resume === true && (await stat(journalPath(output)).catch(() => undefined)) !== undefined;
      // The run was to replace it.
      if (isUnfinished) continue;
      const what = resume ? 'holds other results, which `resume: true` cannot continue' : 'exists already';
      throw new VirnucproError('VNP_OUTPUT', `${path} ${what}. ${CHOOSE_OR_REPLACE}`);
    }
  }
}

/** A folder is replaced only if a run like this one has made it. */
async function refuseFolder(path: string, { output, format }: Place, force: boolean): Promise<void> {
  if (isFolderFormat({ output, format }) && (await readdir(path)).length === 0) return;
  const manifest = await readEmbeddingManifest(output);
  const isOurs = isFolderFormat({ output, format }) && manifest?.files[0]?.files !== undefined;
  if (isOurs && force) return;
  const next = isOurs ? CHOOSE_OR_REPLACE : 'Choose another output';
  throw new VirnucproError('VNP_OUTPUT', `${path} is a folder that is not empty. ${next}`);
}

function isFolderFormat({ output, format }: Place): boolean {
  return format === 'pt' && !/\.pth?$/i.test(output);
}

/**
 * Where a run writes: a folder beside its output, which it has for itself, with the journal and the files that are not
 * complete. They are put in place at the end, the manifest last.
 */
export class OutputPlace {
  readonly #output: string;
  readonly #claimed: ClaimedDirectory;

  private constructor(output: string, claimed: ClaimedDirectory) {
    this.#output = output.replace(/\/+$/, '');
    this.#claimed = claimed;
  }

  /** @throws VirnucproError VNP_OUTPUT; the signal's reason */
  static async open(place: Place, options: OutputPlaceOptions): Promise<OutputPlace> {
    await refuseEarlierOutput(place, options);
    const claimed = await claimDirectory(workFolder(place.output), claimOptions(place, options));
    const opened = new OutputPlace(place.output, claimed);
    if (options.force) await rm(opened.journalPath, { force: true });
    return opened;
  }

  get journalPath(): string {
    return join(this.#claimed.path, JOURNAL);
  }

  /** Aborted, with a VNP_OUTPUT_LOST error as its reason, when the folder is no longer this run's. */
  get lost(): AbortSignal {
    return this.#claimed.ownership.lost;
  }

  /** Path to write the output to until it is put in place. */
  get partialPath(): string {
    return join(this.#claimed.results, basename(this.#output));
  }

  /** Path of another file that is put in place with the output. */
  partialFile(extension: string): string {
    return `${this.partialPath}${extension}`;
  }

  /** Names of the files that are complete, the output first. */
  async names(): Promise<string[]> {
    const names = await readdir(this.#claimed.results);
    const output = basename(this.#output);
    return [output, ...names.filter((name) => name !== output).sort()];
  }

  /** Folder of the files that are complete. */
  get folder(): string {
    return this.#claimed.results;
  }

  /**
   * Puts everything in place, and ends the run: the journal is no longer needed.
   * @param isFinal whether resuming could add nothing
   * @throws VirnucproError VNP_OUTPUT, VNP_OUTPUT_LOST
   */
  async finish(manifest: EmbeddingManifest, isFinal: boolean): Promise<void> {
    try {
      await this.#claimed.ownership.check();
      const names = await this.names();
      const folder = dirname(this.#output);
      const replaced = join(this.#claimed.unfinished, 'replaced');
      await mkdir(replaced);
      // Without a manifest, a mixture of two runs cannot be taken for a finished one.
      const earlier = (await readEmbeddingManifest(this.#output))?.files.map(({ name }) => basename(name)) ?? [];
      const outdated = earlier.filter((name) => !names.includes(name));
      for (const name of [basename(manifestPath(this.#output)), ...outdated, ...(await foldersIn(folder, names))]) {
        await moveAway(join(folder, name), join(replaced, name));
      }
      // The output itself is last: where it is, everything is.
      for (const name of [...names].reverse()) await rename(join(this.folder, name), join(folder, name));
      await this.#claimed.system.files.forceToDisk(folder);
      const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
      const written = join(this.#claimed.unfinished, 'manifest');
      await writeToDisk(written, text);
      await rename(written, manifestPath(this.#output));
    } catch (cause) {
      const error =
        cause instanceof VirnucproError ? cause : outputError('cannot be put in place', this.#output, cause);
      throw await this.#claimed.ownership.causeOf(error);
    }
    if (isFinal) await rm(this.journalPath, { force: true }).catch(() => undefined);
    await this.release().catch(() => undefined);
  }

  /** Removes what is not complete; the journal stays for a resumed run. */
  async release(): Promise<void> {
    await releaseDirectory(this.#claimed, { unused: true });
    // Unless there is a journal.
    if (!this.lost.aborted) await rmdir(this.#claimed.path).catch(() => undefined);
  }
}

/** Those of the names that are folders, which a rename does not replace. */
async function foldersIn(folder: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => lstat(join(folder, name)).catch(() => undefined)));
  return names.filter((_, index) => found[index]?.isDirectory() === true);
}

async function moveAway(path: string, target: string): Promise<void> {
  await rename(path, target).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') throw cause;
  });
}
