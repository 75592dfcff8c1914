import { join } from 'node:path';
import type { ProcessIdentity, SharedFiles, System } from './system.js';

type Unsaid = 'user' | 'boot' | 'pidNamespace';

/** The process that a folder of unfinished files belongs to. Earlier versions say less. */
export interface Owner extends Omit<ProcessIdentity, Unsaid>, Partial<Pick<ProcessIdentity, Unsaid>> {
  /** The name of its run, by which the folder is called, too. */
  readonly token?: string;
}

export const OWNER_FILE = 'owner.json';
const BEAT_DIGITS = 12;
const MAX_NAME_LENGTH = 80;

/** The record of an owner at one of its heartbeats; it keeps its length. */
export function ownerText(owner: Owner, beat: number): string {
  return JSON.stringify({ ...owner, beat: String(beat).padStart(BEAT_DIGITS, '0') });
}

/** @returns undefined where it is torn, or none */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return typeof owner?.host === 'string' && Number.isInteger(owner.pid) ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined where there is none that can be read */
export async function readOwner(files: SharedFiles, folder: string): Promise<Owner | undefined> {
  const found = await files.read(join(folder, OWNER_FILE)).catch(() => undefined);
  return found && parseOwner(found.text);
}

/**
 * Whether the owner lives: `unknown` where its process cannot be asked for. Only in this kernel and this namespace of
 * process numbers is a number that of the owner: two containers of one name may both run as process 1.
 */
export async function lifeOf(owner: Owner | undefined, system: System): Promise<'alive' | 'dead' | 'unknown'> {
  const own = system.identity();
  if (!owner?.boot || !owner.pidNamespace) return 'unknown';
  if (owner.boot !== own.boot || owner.pidNamespace !== own.pidNamespace) return 'unknown';
  const found = await system.find(owner.pid);
  if (found === 'gone') return 'dead';
  if (found === 'hidden') return 'unknown';
  return found.started === owner.started ? 'alive' : 'dead';
}

/** Whether it is of another machine, which is more than of another container. */
export function isElsewhere(owner: Owner | undefined, { boot, host }: ProcessIdentity): boolean {
  if (owner === undefined) return false;
  return owner.boot && boot ? owner.boot !== boot : owner.host !== host;
}

/** The owner in words. */
export function describeOwner(owner: Owner | undefined): string {
  if (owner === undefined) return 'an unknown process';
  return `process ${owner.pid} on ${printable(owner.host)}${owner.user ? ` (user ${printable(owner.user)})` : ''}`;
}

/** Anybody may have written it. */
function printable(text: unknown): string {
  return String(text)
    .slice(0, MAX_NAME_LENGTH)
    .replaceAll(/[^\x20-\x7e]/g, '?');
}
