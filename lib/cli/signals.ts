import { EventEmitter } from 'node:events';
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { EXIT_OF_SIGNAL } from './exit-codes.js';

const STOPPING_SIGNALS = [...EXIT_OF_SIGNAL.keys()];

/** Milliseconds that are left, after the signal, for what puts away what it has begun. */
const PATIENCE = 400;

const STANDARD_STREAMS = [0, 1, 2];

/** The signal that has stopped a command of this process, if one has. */
let stoppedProcess: NodeJS.Signals | undefined;

export function stoppedBy(): NodeJS.Signals | undefined {
  return stoppedProcess;
}

/**
 * The signals that a command understands, until `release`. The first one to stop (SIGINT, SIGTERM, SIGHUP) aborts
 * `stopped`; a second one ends the process as if it had not been caught, but not SIGHUP, which a terminal that closes sends
 * more than once. With `reports`, SIGUSR2 emits `report`, which asks how far the command is; else it ends the process.
 */
export class Signals extends EventEmitter<{ report: [] }> {
  readonly #stopped = new AbortController();
  readonly #givenUp = new AbortController();
  readonly #stop = (signal: NodeJS.Signals): void => this.stop(signal);
  readonly #report = (): unknown => this.emit('report');
  readonly #pass = (): void => undefined;

  constructor({ reports = false }: { readonly reports?: boolean } = {}) {
    super();
    for (const signal of STOPPING_SIGNALS) process.on(signal, this.#stop);
    if (reports) process.on('SIGUSR2', this.#report);
  }

  /** Aborted at the first signal, with its name as the reason. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Aborted likewise, but only a moment after the signal: for what ends by that itself, unless a file system hangs. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal;
  }

  /** The first signal to stop, if one has come. */
  get received(): NodeJS.Signals | undefined {
    return this.#stopped.signal.reason as NodeJS.Signals | undefined;
  }

  /** As if the signal had come: for a key that means the same. */
  stop(signal: NodeJS.Signals): void {
    if (this.received !== undefined) return;
    stoppedProcess = signal;
    this.#stopListening();
    process.on('SIGHUP', this.#pass);
    setTimeout(() => this.#givenUp.abort(signal), PATIENCE).unref();
    this.#stopped.abort(signal);
  }

  /** From now on every signal ends the process as if it had not been caught. */
  release(): void {
    this.#stopListening();
    process.off('SIGHUP', this.#pass);
    process.off('SIGUSR2', this.#report);
  }

  #stopListening(): void {
    for (const signal of STOPPING_SIGNALS) process.off(signal, this.#stop);
  }
}

/**
 * Lets the process end in order where its terminal is closed before it: Node restores the terminal's settings at the end,
 * and aborts where there is none any more. It passes over what is closed.
 */
export function surviveLostTerminal(): void {
  const terminals = STANDARD_STREAMS.filter((descriptor) => isatty(descriptor));
  process.once('exit', () => {
    for (const descriptor of terminals) {
      if (!isatty(descriptor)) closeSync(descriptor);
    }
  });
}
