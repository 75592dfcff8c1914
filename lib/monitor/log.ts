import { pino } from 'pino';
import type { Logger } from 'pino';
import pretty from 'pino-pretty';

/** How the log is written to standard error. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Defaults to `text`: one readable line an entry. `json`: one JSON object a line. */
  readonly format?: LogFormat;
  /** Defaults to `info`. */
  readonly level?: LogLevel;
}

const STANDARD_ERROR = 2;

/** Writes at once, so that nothing is lost when the process ends. */
export function createLog({ format = 'text', level = 'info' }: LogOptions = {}): Logger {
  const options = { level, base: null };
  if (format === 'json') {
    const levelName = { level: (label: string) => ({ level: label }) };
    const timestamp = pino.stdTimeFunctions.isoTime;
    return pino(
      { ...options, formatters: levelName, timestamp },
      pino.destination({ dest: STANDARD_ERROR, sync: true }),
    );
  }
  const stream = pretty({
    destination: STANDARD_ERROR,
    sync: true,
    colorize: process.stderr.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    // The fields are for machines: the message says the same in words.
    hideObject: true,
  });
  return pino(options, stream);
}
