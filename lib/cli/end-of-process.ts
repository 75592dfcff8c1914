import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { leaveProcess } from '../engine/libtorch/load.js';

/** A process exits by itself within this time once its command is over, unless something keeps it alive. */
const EXIT_GRACE_MS = 200;

const STANDARD_STREAMS = [0, 1, 2];

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
  setTimeout(end, EXIT_GRACE_MS).unref();
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

/**
 * Lets the process exit normally after its terminal was closed. At exit, Node restores the terminal's settings and
 * aborts if the terminal is gone; it skips closed descriptors, so this closes them first.
 */
export function surviveLostTerminal(): void {
  const terminals = STANDARD_STREAMS.filter((descriptor) => isatty(descriptor));
  process.once('exit', () => {
    for (const descriptor of terminals) {
      if (!isatty(descriptor)) closeSync(descriptor);
    }
  });
}
