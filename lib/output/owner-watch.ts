import { join } from 'node:path';
import { unlessAborted } from '../unless-aborted.js';
import { OWNER_FILE } from './directory-owner.js';
import { codeOf } from './system.js';
import type { System } from './system.js';

/** Milliseconds: seven heartbeats. */
export const PATIENCE = 35_000;
const LOOKING_INTERVAL = 250;
/** Milliseconds. If a look takes longer, the file system hangs, or this process was suspended. */
const PROMPT = 1_000;

/** Number of `patience` periods to wait for a file system that gives nothing but errors. */
const MAX_PATIENCES = 10;

/** `gone` if the folder disappeared meanwhile. */
export type WatchedLife = 'alive' | 'silent' | 'gone';

/**
 * Watches the owner of a folder, whose process cannot be looked up, for a sign of life. Counts only time in which the
 * file system answers promptly: while it hangs, the owner cannot show anything either. Any change of the record is a
 * sign; times in it are not compared with this machine's clock, because two clocks may differ.
 *
 * @param patience milliseconds of silence after which the owner counts as dead
 * @param signal ends the watching
 * @throws the signal's reason
 */
export async function watchOwner(
  system: System,
  folder: string,
  patience = PATIENCE,
  signal?: AbortSignal,
): Promise<WatchedLife> {
  let silentSince = system.now();
  let [lookedAt, answeredAt] = [silentSince, silentSince];
  let last: string | undefined;
  for (;;) {
    const sign = await unlessAborted(look(system, folder), signal);
    if (sign === GONE) return 'gone';
    if (sign === FORBIDDEN) return 'alive';
    const now = system.now();
    if (sign === UNANSWERED || now - lookedAt > LOOKING_INTERVAL + PROMPT) silentSince = now;
    else if (last !== undefined && sign !== last) return 'alive';
    if (sign !== UNANSWERED) [last, answeredAt] = [sign, now];
    if (now - silentSince >= patience) return 'silent';
    if (now - answeredAt > MAX_PATIENCES * patience) return 'alive';
    lookedAt = now;
    await unlessAborted(system.sleep(LOOKING_INTERVAL, { keepsAlive: true }), signal);
  }
}

const GONE = 'gone';
const FORBIDDEN = 'forbidden';
const UNANSWERED = 'unanswered';
const NO_RECORD = 'no record';

/** What the owner shows now: text that changes with every heartbeat, or why it cannot be seen. */
async function look({ files }: System, folder: string): Promise<string> {
  try {
    const { text, modified } = await files.read(join(folder, OWNER_FILE));
    return `${modified} ${text}`;
  } catch (cause) {
    const code = codeOf(cause);
    // An unreadable record is no evidence that its owner is dead.
    if (code === 'EACCES' || code === 'EPERM') return FORBIDDEN;
    if (code === 'ENOTDIR') return NO_RECORD;
    if (code !== 'ENOENT') return UNANSWERED;
    return files.names(folder).then(
      () => NO_RECORD,
      (failure: unknown) => (codeOf(failure) === 'ENOENT' ? GONE : UNANSWERED),
    );
  }
}
