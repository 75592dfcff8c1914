/** What a process must tell for a dashboard to be chosen; `process` does. */
export interface TerminalFacts {
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Terminals that draw letters alone well, whatever the locale. */
const PLAIN_TERMINALS = /^(linux|vt\d|ansi|cons25|pcansi|sun|wsvt|hurd|mach|cygwin)/;

/**
 * Whether a dashboard can be drawn: both outputs are the terminal, so that nothing else is written on it, and it knows
 * where its cursor is.
 *
 * @param isForeground whether the process may change the terminal; in a shell's background it would be stopped
 */
export function wantsDashboard({ stdout, stderr, env }: TerminalFacts, isForeground = true): boolean {
  const isTerminal = stdout.isTTY === true && stderr.isTTY === true;
  // A serial line knows no size.
  const hasSize = (stdout.columns ?? 0) > 0 && (stdout.rows ?? 0) > 0;
  const term = env['TERM'] ?? '';
  return isTerminal && hasSize && term !== '' && term !== 'dumb' && isForeground;
}

/** Whether only ASCII may be drawn: the locale's encoding is not UTF-8, or the terminal has few other characters. */
export function wantsAscii(env: TerminalFacts['env']): boolean {
  // As POSIX has it: the first of these that is set and not empty counts.
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value) ?? '';
  return !/utf-?8/i.test(locale) || PLAIN_TERMINALS.test(env['TERM'] ?? '');
}

/** Whether colours are wanted: https://no-color.org, and the terminal has any. */
export function wantsColours(env: TerminalFacts['env']): boolean {
  return !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
