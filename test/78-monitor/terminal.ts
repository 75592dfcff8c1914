import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { skip } from '../skipped.js';

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  /** Set in the shell in addition to a UTF-8 locale. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Milliseconds to wait for something on the screen; only a failure waits so long. */
const PATIENCE = 60_000;
const PROMPT = 'ready>';

/** Why there is no terminal here; undefined if there is one. */
export function noTerminal(): string | undefined {
  const { error } = spawnSync('tmux', ['-V']);
  return error && 'tmux is missing: install it with the package manager of this system, such as `apt-get install tmux`';
}

/** Skips a test or a suite, with the reason, if there is no terminal. */
export function needsTerminal(context: Mocha.Context): void {
  const reason = noTerminal();
  if (reason !== undefined) skip(context, reason);
}

let opened = 0;

/** A shell in a terminal of its own, without a window: it takes keys, and its screen can be read. */
export class Terminal {
  readonly #socket = `virnucpro-test-${process.pid}-${opened++}`;

  private constructor() {
    // Made by `open`.
  }

  static async open({ columns, rows, env = {} }: TerminalOptions): Promise<Terminal> {
    const terminal = new Terminal();
    const variables = { LC_ALL: 'C.UTF-8', PS1: PROMPT, ...env };
    const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const size = ['-x', String(columns), '-y', String(rows)];
    const shell = ['env', '-u', 'NO_COLOR', ...settings, 'bash', '--norc', '--noprofile', '-i'];
    terminal.#tmux('-u', '-f', '/dev/null', 'new-session', '-d', ...size, ...shell);
    await terminal.shows(PROMPT);
    return terminal;
  }

  /** Runs a command from the shell. */
  run(...words: readonly string[]): void {
    this.type(words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '));
  }

  /** Types a line and the enter key. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.press('Enter');
  }

  /** Keys by tmux's names: `q`, `C-c`, `Enter` … */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The lines on the screen, without spaces at their ends. */
  lines(): string[] {
    return this.#capture();
  }

  /** The screen with the escape sequences of its colours. */
  coloured(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** @param joined whether lines that were too long for the terminal are joined again */
  #capture(...joined: readonly '-J'[]): string[] {
    const screen = this.#tmux('capture-pane', '-p', ...joined).replace(/\n$/, '');
    return screen.split('\n').map((line) => line.trimEnd());
  }

  /** Waits until the screen shows `what`; returns the screen. */
  async shows(what: string | RegExp | ((screen: string) => boolean), ...joined: readonly '-J'[]): Promise<string> {
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const screen = this.#capture(...joined).join('\n');
      const found =
        typeof what === 'function'
          ? what(screen)
          : typeof what === 'string'
            ? screen.includes(what)
            : what.test(screen);
      if (found) return screen;
      if (performance.now() > deadline) assert.fail(`Expected ${String(what)} on the screen:\n${screen}`);
      await sleep(50);
    }
  }

  /** Waits for the shell's prompt in the last line that is not empty: the program has ended, or was stopped. */
  async showsPrompt(): Promise<string> {
    return this.shows((screen) => screen.trimEnd().endsWith(PROMPT));
  }

  /** The terminal's own state: whether its second screen and its cursor are shown. */
  state(): { readonly secondScreen: boolean; readonly cursor: boolean } {
    const [alternate, cursor] = this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim().split(' ');
    return { secondScreen: alternate === '1', cursor: cursor === '1' };
  }

  /** Settings of the terminal line as listed by `stty`, with `-` for those that are off; asked through the shell. */
  async settings(...names: readonly string[]): Promise<string[]> {
    this.type(`clear; echo settings: $(stty -a | grep -owE -- '-?(${names.join('|')})') end`);
    const screen = await this.shows(/^settings: .* end$/m, '-J');
    return /^settings: (.*) end$/m.exec(screen)![1]!.split(' ');
  }

  close(): void {
    spawnSync('tmux', ['-L', this.#socket, 'kill-server']);
  }

  #tmux(...words: readonly string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}
