import { closeSync, openSync, writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { RunEvent } from '../predict/events.js';
import type { CommandEvent } from './command-events.js';
import { EVENT_SCHEMA_VERSION } from './event-schema.js';
import { eventText } from './event-text.js';
import { withFlags } from './flags.js';
import { harmless } from './printable.js';
import { wantsColours } from './terminal.js';
import { reasonOf } from '../errors.js';

/** How the log is written to standard error. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /**
   * Format on standard error: `text`, one readable line an entry, or `json`, one JSON object a line. Defaults to
   * `text`.
   */
  readonly format?: LogFormat;
  /** Defaults to `info`. */
  readonly level?: LogLevel;
  /** Where the log goes besides, or instead of, standard error. */
  readonly sinks?: LogSinks;
}

/** Creates a log that writes synchronously, so that nothing is lost when the process ends. */
export function createLog({ format = 'text', level = 'info', sinks = new LogSinks() }: LogOptions = {}): Logger {
  // The fields are for programs: the message tells people the same. pino-pretty would print a field called name before
  // every line.
  const messageOnly = { hideObject: true, colorize: false, ignore: 'name' };
  const onScreen = prettyFactory({ ...messageOnly, translateTime: 'SYS:HH:MM:ss' });
  const coloured = prettyFactory({
    ...messageOnly,
    translateTime: 'SYS:HH:MM:ss',
    colorize: process.stderr.isTTY && wantsColours(process.env),
  });
  const inFile = prettyFactory({ ...messageOnly, translateTime: "SYS:yyyy-mm-dd'T'HH:MM:ssp" });
  const stream = {
    write(entry: string): void {
      const fields = JSON.parse(entry) as { level: LogLevel; msg?: string };
      // Names of contigs and files may contain escape sequences, which a terminal would obey.
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

/** Logs an event as a sentence, with its fields (see event-schema.ts) for programs. */
export function logEvent(log: Logger, event: RunEvent | CommandEvent): void {
  const { level, text } = eventText(event);
  const fields: Record<string, unknown> = { schema: EVENT_SCHEMA_VERSION, ...event };
  for (const name of ['reason', 'text']) {
    if (typeof fields[name] === 'string') fields[name] = withFlags(fields[name]);
  }
  // The line already has the same level.
  delete fields['level'];
  log[level](fields, withFlags(text));
}

/** One entry of the log, in the form of each sink; every text ends with a line end. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly pane: () => string;
  readonly standardError: () => string;
  readonly file: () => string;
}

const STANDARD_ERROR = 2;

/** Maximum lines kept for a file that is not open yet; a run logs far fewer before it has its directory. */
const MAX_KEPT_LINES = 1000;

/** Where a log goes: standard error or a pane of the screen, and a file once there is one. Writes are synchronous. */
export class LogSinks {
  /** While set, receives the lines, without line ends, instead of standard error: a dashboard has the screen. */
  pane: ((line: string, level: LogLevel) => void) | undefined;
  /** Called once if the file can no longer be written, after it was closed. */
  onFileLost: (text: string) => void = () => undefined;
  readonly #standardError = pino.destination({ dest: STANDARD_ERROR, sync: true });
  #file: number | undefined;
  #path = '';
  /** What was logged before the file was opened. */
  #early: string[] = [];

  constructor() {
    // If standard error fails (closed terminal, full disk), the run goes on: the file has the log.
    this.#standardError.on('error', () => undefined);
  }

  /**
   * From now on also writes the log to this file, as text with dates, beginning with what was logged before. Replaces
   * the content of the file. If the file can no longer be written, as on a full disk, it is closed and `onFileLost`
   * called.
   *
   * @throws the system's error when it cannot be opened
   */
  openFile(path: string): void {
    this.#file = openSync(path, 'w');
    this.#path = path;
    const early = this.#early;
    this.#early = [];
    for (const text of early) this.#writeFile(text);
  }

  /** Closes the file, if there is one. */
  closeFile(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
  }

  write(entry: LogEntry): void {
    if (this.pane) for (const line of entry.pane().trimEnd().split('\n')) this.pane(line, entry.level);
    else this.#standardError.write(entry.standardError());
    if (this.#file !== undefined) this.#writeFile(entry.file());
    else if (this.#path === '' && this.#early.length < MAX_KEPT_LINES) this.#early.push(entry.file());
  }

  #writeFile(text: string): void {
    if (this.#file === undefined) return;
    try {
      writeSync(this.#file, text);
    } catch (error) {
      this.closeFile();
      this.onFileLost(`${this.#path} is no longer written: ${reasonOf(error)}`);
    }
  }
}
