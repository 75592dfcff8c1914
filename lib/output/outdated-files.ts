import { lstat, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isResultName, JOURNAL, OUTPUT_FILES, RUN_MANIFEST } from './files.js';

/**
 * The names of the files of an earlier run that are in the directory, without run.json and the journal: those that every
 * run calls alike, and of the others those that run.json speaks of and that this program may have written.
 *
 * @param path of the directory
 * @param inputs paths of files that are none of them, whatever their names
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

/** Whatever a run.json says: it may be of anybody. */
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

/** What tells a file from every other, under whatever path; undefined where there is none. */
async function fileAt(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
