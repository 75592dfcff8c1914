import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { expected, VirnucproError } from '../errors.js';
import { isElsewhere, isRunning, readOwner, showsLife, startHeartbeat, writeOwner } from './directory-owner.js';
import { outputError } from './output-error.js';

/** A directory that this run has for itself until it releases it. */
export interface ClaimedDirectory {
  readonly path: string;
  /** `.unfinished-<pid>` in it: everything is written there first. */
  readonly unfinished: string;
  /** The uppermost directory that had to be made for it; absent when it was there already. */
  readonly made?: string | undefined;
  /** Shows those of other machines that this run is alive. */
  readonly heartbeat: NodeJS.Timeout;
}

export interface ClaimOptions {
  /** Also where something is in it. Default false. */
  readonly force?: boolean;
  /** The names of what may be in it nevertheless. Default: nothing may. */
  readonly accepts?: (names: readonly string[]) => boolean;
  /** What to do where something is in it. Default: as it is with `predict`, which has --force. */
  readonly whatNext?: string;
  /** Told when another machine's run may still be alive: it takes up to `patience` to find out. */
  readonly onWaiting?: (reason: string) => void;
  /** Milliseconds after which a run of another machine that shows no sign of life is taken for dead. Default 35,000. */
  readonly patience?: number;
}

const UNFINISHED = /^\.unfinished-(\d+)$/;
const NAMES_SHOWN = 5;

/**
 * Makes the directory where it is missing, refuses it where another run writes to it or (without `force`) where there
 * is something in it that is not accepted, removes what runs that are no longer there have left unfinished, and makes
 * this run's folder.
 *
 * @throws VNP_OUTPUT
 */
export async function claimDirectory(directory: string, options: ClaimOptions = {}): Promise<ClaimedDirectory> {
  const path = resolve(directory);
  const made = await makeDirectory(directory, path);
  const unfinished = join(path, `.unfinished-${process.pid}`);
  let entered = false;
  try {
    const names = await readdir(path);
    const leftovers = names.filter((name) => UNFINISHED.test(name));
    for (const name of leftovers) await refuseRunning(join(path, name), options);
    const content = names.filter((name) => !UNFINISHED.test(name));
    if (!options.force && !options.accepts?.(content)) refuseContent(directory, content, options);
    for (const name of leftovers) await rm(join(path, name), { recursive: true, force: true });
    await mkdir(unfinished);
    entered = true;
    await writeOwner(unfinished);
    // Another run may have looked at the same moment and seen nobody either. Both give way rather than none.
    const others = (await readdir(path)).filter((name) => UNFINISHED.test(name) && join(path, name) !== unfinished);
    for (const name of others) await refuseRunning(join(path, name), options);
    return { path, unfinished, made, heartbeat: startHeartbeat(unfinished) };
  } catch (cause) {
    if (entered) await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    if (made !== undefined) await removeEmpty(path, made);
    if (cause instanceof VirnucproError) throw cause;
    throw outputError('a directory that can be written to', directory, cause);
  }
}

/** Removes this run's folder. With `unused`, also the directories that were made for it, where nothing is in them. */
export async function releaseDirectory(claimed: ClaimedDirectory, options: { unused: boolean }): Promise<void> {
  clearInterval(claimed.heartbeat);
  await rm(claimed.unfinished, { recursive: true, force: true });
  if (options.unused && claimed.made !== undefined) await removeEmpty(claimed.path, claimed.made);
}

async function makeDirectory(directory: string, path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) {
    throw expected('VNP_OUTPUT', 'a directory', 'the output', `the file ${directory}`, 'Choose another name');
  }
  if (found !== undefined) return undefined;
  return makeWithParents(path).catch((cause: unknown) => {
    throw outputError('a directory that can be made', directory, cause);
  });
}

/**
 * Node's own `recursive` never comes back where the kernel refuses a directory with ENOENT, as /proc does.
 * @returns the uppermost directory that was made
 */
async function makeWithParents(path: string): Promise<string | undefined> {
  const parent = dirname(path);
  const made = (await stat(parent).catch(() => undefined)) ? undefined : await makeWithParents(parent);
  try {
    await mkdir(path);
    return made ?? path;
  } catch (cause) {
    // Made by another run meanwhile: then it is not ours to remove.
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return made;
    if (made !== undefined) await removeEmpty(parent, made);
    throw cause;
  }
}

function refuseContent(directory: string, names: readonly string[], { whatNext }: ClaimOptions): void {
  if (names.length === 0) return;
  const shown = [...names].sort().slice(0, NAMES_SHOWN).join(', ');
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  throw expected(
    'VNP_OUTPUT',
    'an empty or new directory',
    'the output',
    `${directory}, which holds ${shown}${more}`,
    whatNext ?? 'Choose another directory, or replace the results of an earlier run with --force',
  );
}

async function refuseRunning(folder: string, { force, onWaiting, patience }: ClaimOptions): Promise<void> {
  const owner = await readOwner(folder);
  const pid = Number(UNFINISHED.exec(basename(folder))?.[1]);
  const elsewhere = isElsewhere(owner);
  const who = `${folder} of process ${pid}${elsewhere ? ` on ${owner.host}` : ''}`;
  if (elsewhere) {
    // The user says that it is over, or it is watched.
    if (force) return;
    onWaiting?.(`looking whether ${who} is still alive`);
    if (!(await showsLife(folder, patience))) return;
  } else if (!(await isRunning(pid, owner))) return;
  throw expected(
    'VNP_OUTPUT',
    'a directory that no other run writes to',
    'the output',
    who,
    'Wait for that run, or choose another directory',
  );
}

/** Removes the directory and those above it, up to `uppermost`, while they are empty. */
async function removeEmpty(directory: string, uppermost: string): Promise<void> {
  for (let folder = directory; ; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
    if (folder === uppermost || folder === dirname(folder)) return;
  }
}
