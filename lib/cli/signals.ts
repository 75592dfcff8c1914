import { EventEmitter } from 'node:events';
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { EXIT_OF_SIGNAL } from './exit-codes.js';

const STOPPING_SIGNALS = [...EXIT_OF_SIGNAL.keys()];

/** Milliseconds after a signal for operations to clean up what they have begun. */
const PATIENCE = 400;

const STANDARD_STREAMS = [0, 1, 2];

/** The signal that stopped a command of this process, if any. */
let stoppedProcess: NodeJS.Signals | undefined;

export function stoppedBy(): NodeJS.Signals | undefined {
  return stoppedProcess;
}

/**
 * Handles the signals of a command, until `release`. The first SIGINT, SIGTERM or SIGHUP aborts `stopped`; a second one
 * ends the process as if it were not caught, except SIGHUP, which a closing terminal sends more than once. With
 * `reports`, SIGUSR2 emits `report`, which asks how far the command is; otherwise it ends the process.
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

  /**
   * Aborted with the same reason PATIENCE milliseconds later: for operations that `stopped` ends, unless a file system
   * hangs.
   */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal;
  }

  /** The first stopping signal, if one has arrived. */
  get received(): NodeJS.Signals | undefined {
    return this.#stopped.signal.reason as NodeJS.Signals | undefined;
  }

  /** Acts as if the signal had arrived: for a key that means the same. */
  stop(signal: NodeJS.Signals): void {
    if (this.received !== undefined) return;
    stoppedProcess = signal;
    this.#stopListening();
    process.on('SIGHUP', this.#pass);
    setTimeout(() => this.#givenUp.abort(signal), PATIENCE).unref();
    this.#stopped.abort(signal);
  }

  /** From now on every signal ends the process as if it were not caught. */
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
 * Lets the process exit normally after its terminal was closed. At exit, Node restores the terminal's settings and
 * aborts if the terminal is gone; it skips closed descriptors, so this closes them first.
 */
export function surviveLostTerminal(): void {
  const terminals = STANDARD_STREAMS.filter((descriptor) => isatty(descriptor));
  process.once('exit', () => {
    for (const descriptor of terminals) {
      if (!isatty(descriptor)) closeSync(descriptor);
    }
  });
}
