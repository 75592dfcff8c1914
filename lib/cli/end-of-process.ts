import { leaveProcess } from '../engine/libtorch/load.js';

/** Milliseconds in which a process whose command is over ends by itself, unless something holds it. */
const MOMENT = 200;

/** How a command ended. */
export interface CommandEnd {
  readonly code: number;
  /** The signal that stopped it, if one did. */
  readonly signal?: NodeJS.Signals | undefined;
}

/**
 * Ends the process in a moment, unless it has ended by itself until then. A call that a file system does not answer cannot
 * be taken back, and an exit of Node waits for the thread that makes it. What is still to be printed is waited for, but
 * not where a signal stopped the command.
 */
export function endProcessSoon({ code, signal }: CommandEnd): void {
  const end = (): void => {
    const isPrinted = [process.stdout, process.stderr].every(({ writableLength }) => writableLength === 0);
    if (isPrinted || signal !== undefined) leaveNow({ code, signal });
    else endProcessSoon({ code, signal });
  };
  setTimeout(end, MOMENT).unref();
}

/**
 * Ends the process at once, whatever its threads do; nothing is waited for, and no listener told. Where the addon's loader
 * is missing or cannot be loaded the signal itself ends it, which to a shell is the same exit code. Does nothing where
 * there is neither.
 */
export function leaveNow({ code, signal }: CommandEnd): void {
  try {
    leaveProcess(code);
  } catch {
    if (signal === undefined) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
}
