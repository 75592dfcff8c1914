import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { counted } from '../counted.js';
import { printablePath } from './text.js';

const MAX_NAMES = 5;

/**
 * The warning of what lies in an input directory and is not read.
 * @param entries by code point, without hidden ones
 * @param isSequenceFile whether a name is that of a file to read
 * @returns undefined where there is nothing to say
 */
export async function unreadEntriesWarning(
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
    group(folders, 'folder, for folders are not searched', 'folders, for folders are not searched'),
    group(otherEndings, 'file with another ending', 'files with other endings'),
    group(noFiles, 'that is no regular file', 'that are no regular files'),
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

/** Results may well lie beside their inputs: of a run that is over, or, under a name of its own, of one that is not. */
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
