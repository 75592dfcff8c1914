const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Calls `restore` before the process ends in whatever way that can be noticed: its exit, an exception that nobody
 * catches, and signals that nobody else listens to. These end it as if they had not been caught. @returns how to undo it
 */
export function guardTerminal(restore: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    // Whoever else listens decides; and may stop to listen while it is told, so that this must be asked before it.
    if (process.listenerCount(signal) > 1) return;
    endBy(signal, restore);
  };
  process.prependListener('exit', restore);
  process.prependListener('uncaughtExceptionMonitor', restore);
  for (const signal of ENDING_SIGNALS) process.prependListener(signal, onSignal);
  return () => {
    process.off('exit', restore);
    process.off('uncaughtExceptionMonitor', restore);
    for (const signal of ENDING_SIGNALS) process.off(signal, onSignal);
  };
}

/** Ends the process at once as the signal does where nobody catches it, so that a shell knows what happened. */
export function endBy(signal: NodeJS.Signals, restore: () => void): void {
  restore();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
