import { reasonOf } from '../errors.js';
import type { RunStatus } from '../predict/run-status.js';
import { dashboardLines, overviewText } from './dashboard-layout.js';
import type { DashboardView, PaneLine } from './dashboard-layout.js';
import { endBy, guardTerminal, isForeground, wantsAscii, wantsColours } from './terminal.js';
import type { LogLevel } from './log.js';
import { OutputCapture } from './output-capture.js';
import { harmless, printable } from './printable.js';
import { withStatus } from './rates.js';
import { TerminalScreen } from './terminal-screen.js';

export interface DashboardOptions {
  /** The first line: what is running. */
  readonly title: string;
  /** The current status of the run; undefined until it begins. */
  readonly status: () => RunStatus | undefined;
  /** Called on the key q or the first Ctrl-C. */
  readonly onQuit: () => void;
  /** Called on the second Ctrl-C, with the terminal restored. Defaults to ending the process by SIGINT. */
  readonly onKill?: () => void;
  /** Called on the key p. */
  readonly onTogglePause: () => void;
  /** Whether keys are read; false if standard input is itself an input. Defaults to whether `input` is a terminal. */
  readonly useKeys?: boolean;
  /** Defaults to standard input. */
  readonly input?: NodeJS.ReadStream;
  /** Defaults to standard output. */
  readonly output?: NodeJS.WriteStream;
}

const REFRESH_MILLISECONDS = 500;
/** Lines of the log kept for the pane; the file has all of them. */
const KEPT_LINES = 1000;
/** Lines of the log left on the shell's screen at the end. */
const LAST_LINES = 10;

/** Draws the run on the terminal until `close`. `wantsDashboard` decides whether it can be opened. */
export function openDashboard(options: DashboardOptions): Dashboard {
  return new Dashboard(options);
}

/** A run on the terminal: devices, progress and the latest log, twice a second. */
export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #output: NodeJS.WriteStream;
  readonly #ascii = wantsAscii(process.env);
  readonly #hasKeys: boolean;
  readonly #capture: OutputCapture;
  readonly #screen: TerminalScreen;
  readonly #timer: NodeJS.Timeout;
  readonly #unguard: () => void;
  readonly #log: PaneLine[] = [];
  #history: RunStatus[] = [];
  #logOnly = false;
  #isStopping = false;
  /** Whether the process is suspended or in the background of its shell: the screen is the shell's. */
  #isAway = false;
  #isOpen = true;

  constructor(options: DashboardOptions) {
    this.#options = options;
    const { input = process.stdin, output = process.stdout, useKeys = true } = options;
    this.#output = output;
    this.#hasKeys = useKeys && input.isTTY;
    this.#capture = new OutputCapture([...new Set([output, process.stdout, process.stderr])], (line) => this.log(line));
    this.#screen = new TerminalScreen({
      input: this.#hasKeys ? input : undefined,
      output,
      write: (text) => this.#capture.write(output, text),
      term: process.env['TERM'] ?? '',
      ascii: this.#ascii,
      colours: wantsColours(process.env),
      onKey: (key) => this.#press(key),
      onResize: () => this.#unlessBroken(() => this.#draw()),
    });
    this.#unguard = guardTerminal(this.restore);
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#goOn);
    // The timer keeps the process alive, which has nothing else to wait for while the run is paused.
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MILLISECONDS);
    this.#draw();
  }

  /** Adds a line to the log pane. The line may contain anything: what a terminal would obey is removed. */
  log(line: string, level: LogLevel = 'info'): void {
    if (!this.#isOpen) {
      process.stderr.write(`${harmless(line)}\n`);
      return;
    }
    this.#log.push({ text: line, level });
    if (this.#log.length > KEPT_LINES) this.#log.shift();
  }

  /** Shows in the last line that the run was asked to stop elsewhere, for example by a signal. */
  showStopping(): void {
    this.#isStopping = true;
  }

  /**
   * Gives the terminal back, leaving the latest warnings and errors and then a summary on it. Does nothing if it was
   * given back before.
   */
  close(summary = ''): void {
    const warnings = this.#log.filter(({ level }) => level === 'warn' || level === 'error');
    this.#leaveForGood(this.#forShell([...latest(warnings), ...summary.split('\n')]));
  }

  /**
   * Gives the terminal back in an emergency, leaving the progress of the run and the latest log lines on it. Never
   * throws.
   */
  readonly restore = (): void => this.#leaveForGood(this.#finalText());

  #leaveForGood(lastText: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#timer);
    this.#unguard();
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#goOn);
    try {
      if (!this.#isAway) this.#screen.leave();
      this.#screen.destroy();
    } catch {
      // The terminal itself may be gone, which need not end the run.
    }
    this.#capture.release();
    const text = lastText.trimEnd();
    if (text !== '') this.#output.write(`${text}\n`);
  }

  #finalText(): string {
    return this.#forShell([overviewText(this.#options.title, this.#history.at(-1)), ...latest(this.#log)]);
  }

  #forShell(lines: readonly string[]): string {
    return lines.map((line) => printable(line, this.#ascii)).join('\n');
  }

  #refresh(): void {
    this.#unlessBroken(() => {
      if (this.#isAway && isForeground()) this.#comeBack();
      this.#draw();
    });
  }

  /** A failure to draw ends the dashboard, not the run. */
  #unlessBroken(draw: () => void): void {
    try {
      draw();
    } catch (error) {
      this.close(`the run continues without the dashboard: ${reasonOf(error)}`);
    }
  }

  #draw(): void {
    const status = this.#options.status();
    if (status) this.#history = withStatus(this.#history, status);
    if (!this.#isOpen || this.#isAway) return;
    const view: DashboardView = {
      columns: this.#screen.columns,
      rows: this.#screen.rows,
      ascii: this.#ascii,
      title: this.#options.title,
      log: this.#log,
      logOnly: this.#logOnly,
      hasKeys: this.#hasKeys,
      isStopping: this.#isStopping,
    };
    this.#screen.draw(dashboardLines(this.#history, view));
  }

  #press(key: string): void {
    if (key === 'C-c' && this.#isStopping) {
      this.restore();
      const kill = this.#options.onKill ?? (() => endBy('SIGINT', this.restore));
      kill();
      return;
    }
    if (key === 'C-z') this.#suspend(0);
    else if (key === 'q' || key === 'C-c') this.#quit();
    else if (key === 'p') this.#options.onTogglePause();
    else if (key === 'l') this.#logOnly = !this.#logOnly;
    this.#unlessBroken(() => this.#draw());
  }

  #quit(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#options.onQuit();
  }

  readonly #stop = (): void => this.#suspend(process.pid);

  /** @param target a process, or 0 for the whole job, like Ctrl-Z in the terminal itself */
  #suspend(target: number): void {
    this.#goAway();
    process.off('SIGTSTP', this.#stop);
    process.kill(target, 'SIGTSTP');
  }

  readonly #goOn = (): void => {
    if (!process.listeners('SIGTSTP').includes(this.#stop)) process.on('SIGTSTP', this.#stop);
    this.#unlessBroken(() => {
      if (!isForeground()) {
        // The shell has the terminal and its settings.
        this.#isAway = true;
      } else {
        // After SIGSTOP, which a process cannot notice, the screen is the shell's as well.
        this.#comeBack();
      }
      this.#draw();
    });
  };

  #goAway(): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#screen.leave();
  }

  #comeBack(): void {
    this.#isAway = false;
    this.#screen.enter();
  }
}

function latest(lines: readonly PaneLine[]): string[] {
  const shown = lines.slice(-LAST_LINES).map(({ text }) => text);
  const others = lines.length - shown.length;
  return others > 0 ? [`(${others} earlier lines are in the log file)`, ...shown] : shown;
}
