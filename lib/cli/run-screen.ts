import type { Logger } from 'pino';
import type { RunStatus } from '../index.js';
import { openDashboard } from '../monitor/dashboard.js';
import type { Dashboard } from '../monitor/dashboard.js';
import { isForeground, wantsDashboard } from '../monitor/terminal.js';
import { logEvent } from '../monitor/log.js';
import type { LogSinks } from '../monitor/log.js';

export interface RunScreenOptions {
  readonly title: string;
  readonly log: Logger;
  readonly sinks: LogSinks;
  /** Whether progress is wanted at all. */
  readonly isWanted: boolean;
  /** Whether standard input holds sequences, so that no keys can be read from it. */
  readonly readsStandardInput: boolean;
  /** Called on the key q or the first Ctrl-C. */
  readonly onQuit: () => void;
}

/** A run that can be shown and paused, such as a prediction. */
export interface ShownRun {
  status(): RunStatus;
  pause(): void;
  resume(): void;
}

/** The dashboard of a run. Does nothing where there is no terminal to draw on. */
export class RunScreen {
  readonly #options: RunScreenOptions;
  readonly #dashboard: Dashboard | undefined;
  /** The run that is shown and can be paused; undefined before `show`. */
  #run: ShownRun | undefined;

  constructor(options: RunScreenOptions) {
    this.#options = options;
    // Leave the screen to a user who types the input.
    const isTyped = options.readsStandardInput && process.stdin.isTTY;
    if (!options.isWanted || isTyped || !wantsDashboard(process, isForeground())) return;
    const dashboard = openDashboard({
      title: options.title,
      status: () => this.#run?.status(),
      useKeys: !options.readsStandardInput,
      onQuit: options.onQuit,
      onTogglePause: () => this.#togglePause(),
    });
    options.sinks.pane = (line, level) => dashboard.log(line, level);
    this.#dashboard = dashboard;
  }

  show(run: ShownRun): void {
    this.#run = run;
  }

  showStopping(): void {
    this.#dashboard?.showStopping();
  }

  /** Gives the terminal back for good: what is logged from now on stays on it. Can be called again. */
  close(): void {
    this.#options.sinks.pane = undefined;
    this.#dashboard?.close('');
  }

  #togglePause(): void {
    const { log } = this.#options;
    if (!this.#run) return;
    if (this.#run.status().isPaused) {
      this.#run.resume();
      logEvent(log, { event: 'resumed' });
    } else {
      this.#run.pause();
      logEvent(log, { event: 'paused' });
    }
  }
}
