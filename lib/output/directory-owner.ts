import { join } from 'node:path';
import type { ProcessIdentity, SharedFiles, System } from './system.js';

type Unsaid = 'user' | 'boot' | 'pidNamespace';

/** The process that a folder of unfinished files belongs to. Records of earlier versions lack some fields. */
export interface Owner extends Omit<ProcessIdentity, Unsaid>, Partial<Pick<ProcessIdentity, Unsaid>> {
  /** The name of its run, which is part of the folder's name. */
  readonly token?: string;
}

export const OWNER_FILE = 'owner.json';
const BEAT_DIGITS = 12;
const MAX_NAME_LENGTH = 80;

/** The record of an owner at one of its heartbeats. Its length never changes, so that it can be overwritten. */
export function ownerText(owner: Owner, beat: number): string {
  return JSON.stringify({ ...owner, beat: String(beat).padStart(BEAT_DIGITS, '0') });
}

/** @returns undefined if the record is incomplete or malformed */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return typeof owner?.host === 'string' && Number.isInteger(owner.pid) ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined if there is no readable record */
export async function readOwner(files: SharedFiles, folder: string): Promise<Owner | undefined> {
  const found = await files.read(join(folder, OWNER_FILE)).catch(() => undefined);
  return found && parseOwner(found.text);
}

/**
 * Whether the owner is alive; `unknown` if its process cannot be looked up. A process number is valid only in the same
 * kernel and PID namespace: two containers of the same name may both run as process 1.
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

/** Whether the owner is on another machine, not merely in another container. */
export function isElsewhere(owner: Owner | undefined, { boot, host }: ProcessIdentity): boolean {
  if (owner === undefined) return false;
  return owner.boot && boot ? owner.boot !== boot : owner.host !== host;
}

/** The owner in words. */
export function describeOwner(owner: Owner | undefined): string {
  if (owner === undefined) return 'an unknown process';
  return `process ${owner.pid} on ${printable(owner.host)}${owner.user ? ` (user ${printable(owner.user)})` : ''}`;
}

/** Anybody may have written the record. */
function printable(text: unknown): string {
  return String(text)
    .slice(0, MAX_NAME_LENGTH)
    .replaceAll(/[^\x20-\x7e]/g, '?');
}
