import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expected, VirnucproError } from '../errors.js';
import { outputError } from './output-error.js';

/** A directory that this run has for itself until it releases it. */
export interface ClaimedDirectory {
  readonly path: string;
  /** `.unfinished-<pid>` in it: everything is written there first. */
  readonly unfinished: string;
  /** The uppermost directory that had to be made for it; absent when it was there already. */
  readonly made?: string | undefined;
}

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process started, in the kernel's clock ticks, for process numbers are used again. */
  readonly started: string;
}

const UNFINISHED = /^\.unfinished-(\d+)$/;
const OWNER_FILE = 'owner.json';
const NAMES_SHOWN = 5;

/**
 * Makes the directory where it is missing, refuses it where another run writes to it or (without `force`) where there
 * is something in it, removes what runs that are no longer there have left unfinished, and makes this run's folder.
 *
 * @throws VNP_OUTPUT
 */
export async function claimDirectory(directory: string, force: boolean): Promise<ClaimedDirectory> {
  const path = resolve(directory);
  const made = await makeDirectory(directory, path);
  const unfinished = join(path, `.unfinished-${process.pid}`);
  let entered = false;
  try {
    const names = await readdir(path);
    const leftovers = names.filter((name) => UNFINISHED.test(name));
    for (const name of leftovers) await refuseRunning(join(path, name), force);
    if (!force)
      refuseContent(
        directory,
        names.filter((name) => !UNFINISHED.test(name)),
      );
    for (const name of leftovers) await rm(join(path, name), { recursive: true, force: true });
    await mkdir(unfinished);
    entered = true;
    const owner: Owner = { host: hostname(), pid: process.pid, started: await startOf(process.pid) };
    await writeFile(join(unfinished, OWNER_FILE), JSON.stringify(owner));
    // Another run may have looked at the same moment and seen nobody either. Both give way rather than none.
    const others = (await readdir(path)).filter((name) => UNFINISHED.test(name) && join(path, name) !== unfinished);
    for (const name of others) await refuseRunning(join(path, name), force);
    return { path, unfinished, made };
  } catch (cause) {
    if (entered) await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    if (made !== undefined) await removeEmpty(path, made);
    if (cause instanceof VirnucproError) throw cause;
    throw outputError('a directory that can be written to', directory, cause);
  }
}

/** Removes this run's folder. With `unused`, also the directories that were made for it, where nothing is in them. */
export async function releaseDirectory(claimed: ClaimedDirectory, options: { unused: boolean }): Promise<void> {
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

function refuseContent(directory: string, names: readonly string[]): void {
  if (names.length === 0) return;
  const shown = [...names].sort().slice(0, NAMES_SHOWN).join(', ');
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  throw expected(
    'VNP_OUTPUT',
    'an empty or new directory',
    'the output',
    `${directory}, which holds ${shown}${more}`,
    'Choose another directory, or replace the results of an earlier run with --force',
  );
}

async function refuseRunning(folder: string, force: boolean): Promise<void> {
  const pid = Number(UNFINISHED.exec(folder.slice(dirname(folder).length + 1))?.[1]);
  const owner = await readOwner(folder);
  // Whether a process of another machine is alive cannot be seen from here: only the user can know.
  const elsewhere = owner !== undefined && owner.host !== hostname();
  if (elsewhere ? force : !(await isRunning(pid, owner))) return;
  throw expected(
    'VNP_OUTPUT',
    'a directory that no other run writes to',
    'the output',
    `${folder} of process ${pid}${elsewhere ? ` on ${owner.host}` : ''}`,
    elsewhere ? 'If that run is over, use --force' : 'Wait for that run, or choose another directory',
  );
}

async function readOwner(folder: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, OWNER_FILE), 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

async function isRunning(pid: number, owner: Owner | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM means that there is such a process, of another user.
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  // In a container every run may get the same number, so a number alone does not say that the run is alive.
  if (owner === undefined) return pid !== process.pid;
  return owner.started === (await startOf(pid));
}

/** Field 22 of /proc/PID/stat; empty where it cannot be read. */
async function startOf(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
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
