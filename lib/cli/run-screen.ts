import type { Logger } from 'pino';
import type { Prediction } from '../index.js';
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
  /** Whether standard input is an input, so that its keys are none. */
  readonly readsStandardInput: boolean;
  /** The key q, or Ctrl-C for the first time. */
  readonly onQuit: () => void;
}

/** The dashboard of a run, where there is a terminal to draw it on; nothing where there is none. */
export class RunScreen {
  readonly #options: RunScreenOptions;
  readonly #dashboard: Dashboard | undefined;
  /** What is drawn and paused, once it runs. */
  #prediction: Prediction | undefined;

  constructor(options: RunScreenOptions) {
    this.#options = options;
    // Where somebody types the input, the screen is theirs.
    const isTyped = options.readsStandardInput && process.stdin.isTTY;
    if (!options.isWanted || isTyped || !wantsDashboard(process, isForeground())) return;
    const dashboard = openDashboard({
      title: options.title,
      status: () => this.#prediction?.status(),
      useKeys: !options.readsStandardInput,
      onQuit: options.onQuit,
      onTogglePause: () => this.#togglePause(),
    });
    options.sinks.pane = (line, level) => dashboard.log(line, level);
    this.#dashboard = dashboard;
  }

  /** From now on the run is shown. */
  show(prediction: Prediction): void {
    this.#prediction = prediction;
  }

  showStopping(): void {
    this.#dashboard?.showStopping();
  }

  /** Gives the terminal back, for good: what is logged from now on stays on it. Harmless when it was given back. */
  close(): void {
    this.#options.sinks.pane = undefined;
    this.#dashboard?.close('');
  }

  #togglePause(): void {
    const { log } = this.#options;
    if (!this.#prediction) return;
    if (this.#prediction.status().isPaused) {
      this.#prediction.resume();
      logEvent(log, { event: 'resumed' });
    } else {
      this.#prediction.pause();
      logEvent(log, { event: 'paused' });
    }
  }
}
