import { readFileSync } from 'node:fs';

/** The facts that decide whether there is a dashboard; `process` provides them. */
export interface TerminalFacts {
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Terminals that draw only letters well, whatever the locale. */
const PLAIN_TERMINALS = /^(linux|vt\d|ansi|cons25|pcansi|sun|wsvt|hurd|mach|cygwin)/;

/**
 * Whether a dashboard can be drawn: both outputs are the terminal, so that nothing else is written there, and the
 * terminal can position its cursor.
 *
 * @param isForeground whether the process may change the terminal; in a shell's background it would be stopped
 */
export function wantsDashboard({ stdout, stderr, env }: TerminalFacts, isForeground = true): boolean {
  const isTerminal = stdout.isTTY === true && stderr.isTTY === true;
  // A serial line has no size.
  const hasSize = (stdout.columns ?? 0) > 0 && (stdout.rows ?? 0) > 0;
  const term = env['TERM'] ?? '';
  return isTerminal && hasSize && term !== '' && term !== 'dumb' && isForeground;
}

/** Whether only ASCII may be drawn: the locale's encoding is not UTF-8, or the terminal has few other characters. */
export function wantsAscii(env: TerminalFacts['env']): boolean {
  // As POSIX defines it, the first of these that is set and not empty counts.
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value) ?? '';
  return !/utf-?8/i.test(locale) || PLAIN_TERMINALS.test(env['TERM'] ?? '');
}

/** Whether colours are wanted (https://no-color.org) and the terminal has any. */
export function wantsColours(env: TerminalFacts['env']): boolean {
  return !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/**
 * Whether this process may change its terminal's settings: in the background of a shell it would be stopped for that.
 * True without job control.
 */
export function isForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The second field is the program's name in brackets, which may itself contain spaces and brackets.
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return foregroundGroup === '-1' || foregroundGroup === '0' || foregroundGroup === group;
  } catch {
    return true;
  }
}

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Calls `restore` before the process ends in any way that can be noticed: exit, an uncaught exception, or a signal
 * without another listener, which then ends the process as if it were not caught. @returns how to undo it
 */
export function guardTerminal(restore: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    // Another listener decides. Ask before it runs, because it may remove itself.
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

/** Ends the process at once as an uncaught signal does, so that a shell knows what happened. */
export function endBy(signal: NodeJS.Signals, restore: () => void): void {
  restore();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
