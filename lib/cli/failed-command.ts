import type { Logger } from 'pino';
import { isAborted, VirnucproError } from '../errors.js';
import { logEvent } from '../monitor/log.js';
import type { LogFormat } from '../monitor/log.js';
import { EXIT, EXIT_OF_SIGNAL } from './exit-codes.js';
import type { Signals } from './signals.js';

export interface CommandReporting {
  readonly log: Logger;
  readonly signals: Pick<Signals, 'received'>;
  readonly logFormat: LogFormat;
}

/**
 * Reports what ended a command before it wrote anything, and returns its exit code.
 * @throws the error itself, unless a signal stopped the command or its log is JSON: in a log of text the message stands
 *   alone, as `main` prints it
 */
export function exitCodeOf(error: unknown, { log, signals, logFormat }: CommandReporting): number {
  const { received } = signals;
  if (received && isAborted(error)) {
    logEvent(log, { event: 'interrupted', signal: received, output: null });
    return EXIT_OF_SIGNAL.get(received)!;
  }
  if (logFormat !== 'json' || !(error instanceof VirnucproError)) throw error;
  logEvent(log, { event: 'failed', code: error.code, reason: error.message });
  return EXIT.failed;
}
