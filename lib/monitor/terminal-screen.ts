import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { PassThrough } from 'node:stream';
import type { Widgets } from 'blessed';
import type { Line, Style } from './dashboard-lines.js';

export interface ScreenOptions {
  /** Undefined if no keys are read. */
  readonly input: NodeJS.ReadStream | undefined;
  readonly output: NodeJS.WriteStream;
  /** Writes to the output, even if its `write` has been replaced. */
  readonly write: (text: string) => boolean;
  /** `$TERM`. */
  readonly term: string;
  readonly ascii: boolean;
  readonly colours: boolean;
  /** Called with a key in blessed's notation: `q`, `C-c` … */
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

/** What blessed has but its types lack. */
interface UntypedScreen {
  enter(): void;
  leave(): void;
  readonly program: { readonly tput: { brokenACS: boolean } };
}
type Blessed = typeof import('blessed') & { readonly Tput: { ipaths: string[] } };

const NO_COLOURS: Record<Style, string> = {
  plain: '',
  title: '',
  done: '',
  rest: '',
  faint: '',
  good: '',
  warning: '',
  error: '',
};
const COLOURS: Record<Style, string> = {
  ...NO_COLOURS,
  title: '1',
  done: '32',
  good: '36',
  warning: '33',
  error: '31',
};

/** Terminals without a second screen, which keep what was drawn. */
const ONE_SCREEN = /^(linux|vt\d|ansi|cons25|pcansi|sun)/;

/**
 * The terminal's second screen, drawn by blessed, which knows the escape sequences, writes only what changed, and reads
 * keys. Two habits of blessed are overridden: it must use its own description of xterm, because newer systems have
 * theirs in a format that it cannot read, and it must not end the process.
 */
export class TerminalScreen {
  readonly #options: ScreenOptions;
  readonly #screen: Widgets.Screen;
  readonly #box: Widgets.BoxElement;
  readonly #forget: () => void;

  constructor(options: ScreenOptions) {
    this.#options = options;
    const { input, output, term, ascii } = options;
    // Loaded only here: it takes as long as everything else together, and few commands draw.
    const blessed = createRequire(import.meta.url)('blessed') as Blessed;
    const terminal = new ScreenOutput(output, options.write);
    this.#screen = withoutProcessListeners(() => {
      // Without folders to search, blessed uses its own file.
      blessed.Tput.ipaths = [];
      return blessed.screen({
        input: input ?? new PassThrough(),
        // blessed uses little of a stream.
        output: terminal as unknown as NodeJS.WriteStream,
        terminal: term.startsWith('linux') ? 'linux' : 'xterm',
        forceUnicode: !ascii,
        fullUnicode: !ascii,
        autoPadding: false,
      });
    });
    // Draw lines and blocks as UTF-8 or not at all, never by switching the terminal's character set.
    this.#untyped.program.tput.brokenACS = true;
    this.#box = blessed.box({ parent: this.#screen, top: 0, left: 0, width: '100%', height: '100%', wrap: false });
    if (input) {
      this.#screen.program.on('keypress', (_, key: { full: string }) => options.onKey(key.full));
    }
    this.#screen.on('resize', options.onResize);
    this.#forget = terminal.follow();
  }

  get #untyped(): UntypedScreen {
    return this.#screen as unknown as UntypedScreen;
  }

  get columns(): number {
    return this.#screen.width as number;
  }

  get rows(): number {
    return this.#screen.height as number;
  }

  draw(lines: readonly Line[]): void {
    const codes = this.#options.colours ? COLOURS : NO_COLOURS;
    const painted = lines.map((line) => {
      return line.map(({ text, style }) => (codes[style] ? `\x1b[${codes[style]}m${text}\x1b[m` : text)).join('');
    });
    // blessed would take a screen that begins with empty lines for an empty one.
    this.#box.setContent(painted.join('\n') || ' ');
    this.#screen.render();
  }

  /** Redraws everything, even what the terminal seems to show already. */
  redraw(): void {
    this.#screen.alloc();
    this.#screen.render();
  }

  /** Returns to the previous screen, until `enter`. */
  leave(): void {
    // Undo blessed's scroll region, which it sets for the size that it found at first.
    this.#screen.program.write('\x1b[r');
    this.#untyped.leave();
    if (ONE_SCREEN.test(this.#options.term)) this.#options.write(`\x1b[${this.rows};1H\r\n`);
    const { input } = this.#options;
    if (!input || input.destroyed) return;
    input.setRawMode(false);
    input.pause();
  }

  enter(): void {
    this.#untyped.enter();
    this.#screen.program.hideCursor();
    const { input } = this.#options;
    if (input && !input.destroyed) {
      // The stream still believes that it is raw if the shell has changed the terminal meanwhile.
      input.setRawMode(false);
      input.setRawMode(true);
      input.resume();
    }
    this.redraw();
  }

  /** Releases everything; call after `leave`. */
  destroy(): void {
    this.#forget();
    this.#screen.destroy();
  }
}

/** What blessed needs of an output. Writes synchronously, like a terminal's stream, so that nothing is lost at exit. */
class ScreenOutput extends EventEmitter {
  readonly isTTY = true;
  readonly writable = true;
  readonly #output: NodeJS.WriteStream;
  readonly write: (text: string) => boolean;

  constructor(output: NodeJS.WriteStream, write: (text: string) => boolean) {
    super();
    this.#output = output;
    this.write = write;
  }

  get columns(): number {
    return this.#output.columns || 1;
  }

  get rows(): number {
    return this.#output.rows || 1;
  }

  follow(): () => void {
    const resized = (): void => void this.emit('resize');
    // A lost terminal is no reason to end the run.
    const ignored = (): void => undefined;
    this.#output.on('resize', resized);
    this.#output.on('error', ignored);
    return () => {
      this.#output.off('resize', resized);
      this.#output.off('error', ignored);
    };
  }
}

/**
 * Keeps blessed from ending the process: with exit code 0 at a signal, and with a message of its own at an exception.
 */
function withoutProcessListeners<T>(make: () => T): T {
  const names = ['exit', 'uncaughtException', 'SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
  const before = new Map(names.map((name) => [name, new Set(process.listeners(name as 'exit'))]));
  const made = make();
  for (const name of names) {
    for (const listener of process.listeners(name as 'exit')) {
      if (!before.get(name)!.has(listener)) process.off(name, listener);
    }
  }
  return made;
}
