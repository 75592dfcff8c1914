import { join } from 'node:path';
import { unlessAborted } from '../unless-aborted.js';
import { OWNER_FILE } from './directory-owner.js';
import { codeOf } from './system.js';
import type { System } from './system.js';

/** Seven heartbeats. */
export const MAX_SILENCE_MS = 35_000;
const LOOK_INTERVAL_MS = 250;
/** If a look takes longer, the file system hangs, or this process was suspended. */
const MAX_LOOK_MS = 1_000;

/** How long to wait for a file system that gives nothing but errors, in multiples of `maxSilence`. */
const MAX_UNANSWERED = 10;

/** `gone` if the folder disappeared meanwhile. */
export type WatchedLife = 'alive' | 'silent' | 'gone';

/**
 * Watches the owner of a folder, whose process cannot be looked up, for a sign of life. Counts only time in which the
 * file system answers promptly: while it hangs, the owner cannot show anything either. Any change of the record is a
 * sign; times in it are not compared with this machine's clock, because two clocks may differ.
 *
 * @param maxSilence milliseconds of silence after which the owner counts as dead
 * @param signal ends the watching
 * @throws the signal's reason
 */
export async function watchOwner(
  system: System,
  folder: string,
  maxSilence = MAX_SILENCE_MS,
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
    if (sign === UNANSWERED || now - lookedAt > LOOK_INTERVAL_MS + MAX_LOOK_MS) silentSince = now;
    else if (last !== undefined && sign !== last) return 'alive';
    if (sign !== UNANSWERED) [last, answeredAt] = [sign, now];
    if (now - silentSince >= maxSilence) return 'silent';
    if (now - answeredAt > MAX_UNANSWERED * maxSilence) return 'alive';
    lookedAt = now;
    await unlessAborted(system.sleep(LOOK_INTERVAL_MS, { keepsAlive: true }), signal);
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
