import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { VirnucproError } from '../errors.js';
import { describeOwner, isElsewhere, lifeOf, readOwner } from './directory-owner.js';
import type { Owner } from './directory-owner.js';
import { outputError } from './output-error.js';
import { MAX_SILENCE_MS, watchOwner } from './owner-watch.js';
import { Ownership, UNFINISHED } from './ownership.js';
import type { ClaimedDirectory } from './ownership.js';
import { finishReplacement, REPLACEMENT_FOLDER } from './put-in-place.js';
import { codeOf, realSystem } from './system.js';
import type { System } from './system.js';

export interface ClaimOptions {
  /** Accepts a directory that is not empty. Default false. */
  readonly force?: boolean;
  /** Whether to accept a directory with these names in it. Default: only an empty one. */
  readonly accepts?: (names: readonly string[]) => boolean;
  /** Advice for a directory that is not empty. Default: that of `predict`, which has --force. */
  readonly whatNext?: string;
  /** Called when a run whose process cannot be looked up may be alive; finding out takes up to `maxSilence`. */
  readonly onWaiting?: (reason: string) => void;
  /** Milliseconds without a sign of life after which such a run counts as dead. Default 35,000. */
  readonly maxSilence?: number;
  /** Ends the wait for such a run, and releases the directory. */
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly system?: System;
}

const NAMES_SHOWN = 5;
/** Folders taken over from another user, who alone can remove them. */
const TAKEN = /^\.taken-[0-9a-z]+$/;

/**
 * Creates the directory if missing, and this run's folder in it. Refuses a directory that another run writes to, or,
 * without `force`, one with content that is not accepted. Removes what dead runs have left unfinished, and completes
 * what they were putting in place.
 *
 * @throws VNP_OUTPUT; the signal's reason
 */
export async function claimDirectory(directory: string, options: ClaimOptions = {}): Promise<ClaimedDirectory> {
  const path = resolve(directory);
  const { system = realSystem } = options;
  const made = await makeDirectory(system, directory, path);
  let claimed: ClaimedDirectory | undefined;
  try {
    const others = new OtherRuns(path, options);
    const names = await system.files.names(path);
    await others.refuse(names);
    const content = names.filter((name) => !UNFINISHED.test(name) && !TAKEN.test(name));
    if (!options.force && !options.accepts?.(content)) refuseContent(directory, content, options);
    const claim = newClaim(directory, { path, made, system });
    await system.files.makeFolder(claim.unfinished);
    claimed = claim;
    await enter(claim);
    // Another run may have looked at the same moment and seen nobody either: better that both give way than neither.
    const namesNow = await system.files.names(path);
    await others.refuse(namesNow.filter((name) => name !== basename(claim.unfinished)));
    await others.takeOver(claim);
    await finishReplacement(claim);
    return { ...claim, isDisputed: others.areDisputed };
  } catch (failure) {
    const cause = claimed === undefined ? failure : await claimed.ownership.causeOf(failure);
    if (claimed !== undefined) await releaseDirectory(claimed, { unused: false }).catch(() => undefined);
    if (made !== undefined) await removeEmpty(system, path, made);
    options.signal?.throwIfAborted();
    if (cause instanceof VirnucproError) throw cause;
    throw outputError('cannot be written to', directory, cause);
  }
}

/**
 * Refuses what `claimDirectory` would refuse, and changes nothing.
 *
 * @throws VNP_OUTPUT; the signal's reason
 */
export async function checkClaimable(directory: string, options: ClaimOptions = {}): Promise<void> {
  const path = resolve(directory);
  const { system = realSystem } = options;
  if (await system.files.isFolder(path)) {
    const names = await system.files.names(path);
    await new OtherRuns(path, options).refuse(names);
    const content = names.filter((name) => !UNFINISHED.test(name) && !TAKEN.test(name));
    if (!options.force && !options.accepts?.(content)) refuseContent(directory, content, options);
    return;
  }
  if (await exists(path)) throw notADirectory(directory);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Completes what a dead run was putting in place, for code that reads results without claiming the directory.
 *
 * @throws VNP_OUTPUT if another run writes to it
 */
export async function finishInterrupted(directory: string, options: Omit<ClaimOptions, 'accepts'> = {}): Promise<void> {
  const { system = realSystem } = options;
  if (!(await system.files.isFolder(join(directory, REPLACEMENT_FOLDER)))) return;
  await releaseDirectory(await claimDirectory(directory, { ...options, accepts: () => true }), { unused: false });
}

/** Removes this run's folder. With `unused`, also removes the directories that were made for it, if they are empty. */
export async function releaseDirectory(claimed: ClaimedDirectory, options: { unused: boolean }): Promise<void> {
  const { system, ownership, unfinished, path, made } = claimed;
  ownership.end();
  await system.files.remove(unfinished);
  if (options.unused && made !== undefined && !ownership.lost.aborted) await removeEmpty(system, path, made);
}

function newClaim(
  shownPath: string,
  { path, made, system }: Pick<ClaimedDirectory, 'path' | 'made' | 'system'>,
): ClaimedDirectory {
  const token = system.newToken();
  const unfinished = join(path, `.unfinished-${token}`);
  const owner = { ...system.identity(), token };
  const ownership = new Ownership({ system, directory: path, shownDirectory: shownPath, folder: unfinished, owner });
  const results = join(unfinished, 'new', token);
  return { path, shownPath, token, unfinished, results, made, ownership, isDisputed: false, system };
}

async function enter({ system: { files }, results, ownership }: ClaimedDirectory): Promise<void> {
  await ownership.begin();
  await files.makeFolder(dirname(results));
  await files.makeFolder(results);
}

/** The runs whose folders are in the directory. */
class OtherRuns {
  /** Whether one of them counts as dead without certainty. */
  areDisputed = false;
  readonly #path: string;
  readonly #options: ClaimOptions;
  readonly #system: System;
  readonly #dead = new Set<string>();

  constructor(path: string, options: ClaimOptions) {
    this.#path = path;
    this.#options = options;
    this.#system = options.system ?? realSystem;
  }

  /** @throws VNP_OUTPUT if one of them is alive */
  async refuse(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!UNFINISHED.test(name) || this.#dead.has(name)) continue;
      await this.#refuseLive(join(this.#path, name));
      this.#dead.add(name);
    }
  }

  /** Takes over the folder of each dead run: one that wakes up later finds that it has lost it. */
  async takeOver({ unfinished }: ClaimedDirectory): Promise<void> {
    const { files } = this.#system;
    for (const name of this.#dead) {
      const folder = join(this.#path, name);
      try {
        await files.rename(folder, join(unfinished, `taken-${name}`));
      } catch (cause) {
        const code = codeOf(cause);
        // On an overlay, a folder of a lower layer cannot be renamed, but nobody can write there either.
        if (code === 'EXDEV') await files.remove(folder);
        else if (code === 'EACCES' || code === 'EPERM') await this.#takeFromAnother(folder, unfinished);
        else if (code !== 'ENOENT') throw cause;
      }
    }
  }

  /** Another user's folder can be renamed, but not moved into another folder. */
  async #takeFromAnother(folder: string, unfinished: string): Promise<void> {
    const { files } = this.#system;
    const owner = await readOwner(files, folder);
    try {
      await files.rename(folder, join(this.#path, basename(unfinished).replace('.unfinished-', '.taken-')));
    } catch (cause) {
      throw new VirnucproError(
        'VNP_OUTPUT',
        `The unfinished run in ${folder} belongs to ${describeOwner(owner)}, and only that user may remove it. ` +
          'Ask that user to do so, or choose another directory',
        { cause },
      );
    }
  }

  async #refuseLive(folder: string): Promise<void> {
    const { force, onWaiting, maxSilence, signal } = this.#options;
    const owner = await readOwner(this.#system.files, folder);
    const life = await lifeOf(owner, this.#system);
    if (life === 'dead') return;
    const who = `${describeOwner(owner)}${this.#whereabouts(owner)}`;
    if (life === 'unknown') {
      this.areDisputed = true;
      // With `force`, the user says that it is over.
      if (force && isElsewhere(owner, this.#system.identity())) return;
      const seconds = (maxSilence ?? MAX_SILENCE_MS) / 1000;
      onWaiting?.(`checking whether the run in ${folder} of ${who} is still alive (up to ${seconds} s)`);
      const seen = await watchOwner(this.#system, folder, maxSilence, signal);
      if (seen === 'silent') onWaiting?.(`no sign of life from ${who} for ${seconds} s: taking the directory over`);
      if (seen !== 'alive') return;
    }
    throw new VirnucproError(
      'VNP_OUTPUT',
      `Another run writes to ${this.#path}: ${who}, in ${basename(folder)}. Wait for that run, or choose another directory`,
    );
  }

  /** Two containers on one machine may both run as process 1. */
  #whereabouts(owner: Owner | undefined): string {
    const own = this.#system.identity();
    const isHere = owner?.boot !== undefined && owner.boot === own.boot;
    return isHere && owner.pidNamespace !== own.pidNamespace ? ', in another container' : '';
  }
}

async function makeDirectory(system: System, directory: string, path: string): Promise<string | undefined> {
  if (await system.files.isFolder(path)) return undefined;
  try {
    const made = await makeWithParents(system, path);
    if (made !== undefined || (await system.files.isFolder(path))) return made;
  } catch (cause) {
    throw outputError('cannot be made', directory, cause);
  }
  throw notADirectory(directory);
}

function notADirectory(directory: string): VirnucproError {
  return new VirnucproError('VNP_OUTPUT', `The output ${directory} is a file, not a directory. Choose another name`);
}

/**
 * Node's own `recursive` never returns if the kernel refuses a directory with ENOENT, as /proc does.
 * @returns the uppermost directory that was made
 */
async function makeWithParents(system: System, path: string): Promise<string | undefined> {
  const parent = dirname(path);
  const made = (await system.files.isFolder(parent)) ? undefined : await makeWithParents(system, parent);
  try {
    // If another run has made it meanwhile, it is not ours to remove.
    return (await system.files.makeFolder(path)) ? (made ?? path) : made;
  } catch (cause) {
    if (made !== undefined) await removeEmpty(system, parent, made);
    throw cause;
  }
}

function refuseContent(directory: string, names: readonly string[], { whatNext }: ClaimOptions): void {
  if (names.length === 0) return;
  const shown = [...names].sort().slice(0, NAMES_SHOWN).join(', ');
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  const next = whatNext ?? 'Choose another one, or replace its results with `force: true`';
  throw new VirnucproError(
    'VNP_OUTPUT',
    `The output directory ${directory} is not empty: it holds ${shown}${more}. ${next}`,
  );
}

/** Removes the directory and those above it, up to `uppermost`, while they are empty. */
async function removeEmpty({ files }: System, directory: string, uppermost: string): Promise<void> {
  for (let folder = directory; ; folder = dirname(folder)) {
    try {
      await files.removeEmptyFolder(folder);
    } catch {
      return;
    }
    if (folder === uppermost || folder === dirname(folder)) return;
  }
}
