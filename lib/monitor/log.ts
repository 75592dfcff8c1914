import { pino } from 'pino';
import type { Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { RunEvent } from '../predict/events.js';
import type { CommandEvent } from './command-events.js';
import { EVENT_SCHEMA_VERSION } from './event-schema.js';
import { wordsOf } from './event-words.js';
import { LogSinks } from './log-sinks.js';
import { harmless } from './printable.js';
import { wantsColours } from './terminal-choice.js';

/** How the log is written to standard error. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Of standard error. Defaults to `text`: one readable line an entry. `json`: one JSON object a line. */
  readonly format?: LogFormat;
  /** Defaults to `info`. */
  readonly level?: LogLevel;
  /** Where the log goes besides standard error, or instead of it. */
  readonly sinks?: LogSinks;
}

/** Writes at once, so that nothing is lost when the process ends. */
export function createLog({ format = 'text', level = 'info', sinks = new LogSinks() }: LogOptions = {}): Logger {
  // The fields are for machines: the message says the same in words.
  // pino-pretty would set a field called name before every line.
  const words = { hideObject: true, colorize: false, ignore: 'name' };
  const onScreen = prettyFactory({ ...words, translateTime: 'SYS:HH:MM:ss' });
  const coloured = prettyFactory({
    ...words,
    translateTime: 'SYS:HH:MM:ss',
    colorize: process.stderr.isTTY && wantsColours(process.env),
  });
  const inFile = prettyFactory({ ...words, translateTime: "SYS:yyyy-mm-dd'T'HH:MM:ssp" });
  const stream = {
    write(entry: string): void {
      const fields = JSON.parse(entry) as { level: LogLevel; msg?: string };
      // Names of contigs and files hold anything; a terminal would obey it.
      const readable = { ...fields, msg: harmless(fields.msg ?? '') };
      sinks.write({
        level: fields.level,
        pane: () => onScreen(readable),
        standardError: () => (format === 'json' ? entry : coloured(readable)),
        file: () => inFile(readable),
      });
    },
  };
  const levelName = { level: (label: string) => ({ level: label }) };
  const log = pino({ level, base: null, formatters: levelName, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  sinks.onFileLost = (text) => logEvent(log, { event: 'warning', text });
  return log;
}

/** Logs an event in words, with its fields for machines: those that event-schema.ts describes. */
export function logEvent(log: Logger, event: RunEvent | CommandEvent): void {
  const { level, text } = wordsOf(event);
  const fields: Record<string, unknown> = { schema: EVENT_SCHEMA_VERSION, ...event };
  // The line has a level already, and it is the same.
  delete fields['level'];
  log[level](fields, text);
}
