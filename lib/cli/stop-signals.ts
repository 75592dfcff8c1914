import { EXIT_OF_SIGNAL } from './exit-codes.js';

const STOPPING_SIGNALS = [...EXIT_OF_SIGNAL.keys()];

/** Milliseconds that are left, after the signal, for what puts away what it has begun. */
const PATIENCE = 400;

/** The signal that has stopped a command of this process, if one has. */
let stopped: NodeJS.Signals | undefined;

/** The signal that has stopped the command, if one has. */
export function stoppedBy(): NodeJS.Signals | undefined {
  return stopped;
}

/**
 * Remembers the first signal to stop. A second one ends the process as if it had not been caught; but not SIGHUP, which a
 * terminal that closes sends more than once.
 */
export class StopSignals {
  signal: NodeJS.Signals | undefined;
  /** Called at the first signal. */
  onStop: (signal: NodeJS.Signals) => void = () => undefined;
  readonly #stopped = new AbortController();
  readonly #givenUp = new AbortController();
  readonly #remember = (signal: NodeJS.Signals): void => {
    this.signal = stopped = signal;
    this.#listenNoMore();
    process.on('SIGHUP', this.#pass);
    this.#stopped.abort(signal);
    setTimeout(() => this.#givenUp.abort(signal), PATIENCE).unref();
    this.onStop(signal);
  };

  readonly #pass = (): void => undefined;

  constructor() {
    for (const signal of STOPPING_SIGNALS) process.on(signal, this.#remember);
  }

  /** Aborted at the first signal, with its name as the reason. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Aborted likewise, but only a moment after the signal: for what ends by that itself, unless a file system hangs. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal;
  }

  /** As if the signal had come: for a key that means the same. */
  remember(signal: NodeJS.Signals): void {
    if (this.signal === undefined) this.#remember(signal);
  }

  /** From now on every signal ends the process as if it had not been caught. */
  ignore(): void {
    this.#listenNoMore();
    process.off('SIGHUP', this.#pass);
  }

  #listenNoMore(): void {
    for (const signal of STOPPING_SIGNALS) process.off(signal, this.#remember);
  }
}
