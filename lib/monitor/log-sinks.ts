import { closeSync, openSync, writeSync } from 'node:fs';
import { pino } from 'pino';
import { reasonOf } from '../errors.js';
import type { LogLevel } from './log.js';

/** One entry of the log, in the form of each sink; every text ends with a line end. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly pane: () => string;
  readonly standardError: () => string;
  readonly file: () => string;
}

const STANDARD_ERROR = 2;

/** Lines that are kept for a file that is not open yet; a run logs far fewer before it has its directory. */
const MAX_KEPT_LINES = 1000;

/** Where a log goes: standard error or a pane of the screen, and a file once there is one. Everything is written at once. */
export class LogSinks {
  /** Takes the lines instead of standard error as long as it is set: a dashboard has the screen. No line end. */
  pane: ((line: string, level: LogLevel) => void) | undefined;
  /** Told once when the file can no longer be written, after it was given up. */
  onFileLost: (text: string) => void = () => undefined;
  readonly #standardError = pino.destination({ dest: STANDARD_ERROR, sync: true });
  #file: number | undefined;
  #path = '';
  /** What was logged before the file was opened. */
  #early: string[] = [];

  constructor() {
    // A terminal that was closed or a full disk behind standard error is no reason to end a run: the file has the log.
    this.#standardError.on('error', () => undefined);
  }

  /**
   * From now on the log goes to this file too, in words and with dates, after what was logged so far. What was in the
   * file is replaced. A file that can no longer be written, on a full disk say, is given up.
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

  /** Nothing more goes to the file. Harmless without one. */
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
