import { leaveProcess } from '../engine/libtorch/load.js';

/** Milliseconds within which a process exits by itself once its command is over, unless something keeps it alive. */
const MOMENT = 200;

/** How a command ended. */
export interface CommandEnd {
  readonly code: number;
  /** The signal that stopped it, if one did. */
  readonly signal?: NodeJS.Signals | undefined;
}

/**
 * Ends the process shortly, unless it has ended by itself by then. A file system call that never returns cannot be
 * cancelled, and Node's own exit waits for the thread that made it. Waits for pending output, unless a signal stopped
 * the command.
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
 * Ends the process at once, whatever its threads are doing: waits for nothing and calls no listener. If the addon's
 * loader is missing or cannot be loaded, raises the signal instead, which a shell reports as the same exit code. With
 * neither loader nor signal, does nothing.
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
