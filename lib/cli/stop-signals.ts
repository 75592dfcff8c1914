const STOPPING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Remembers the first signal to stop. A second one ends the process as if it had not been caught; but not SIGHUP, which a
 * terminal that closes sends more than once.
 */
export class StopSignals {
  signal: NodeJS.Signals | undefined;
  /** Called at the first signal. */
  onStop: (signal: NodeJS.Signals) => void = () => undefined;
  readonly #readsStandardInput: boolean;
  readonly #signals: readonly NodeJS.Signals[];
  readonly #remember = (signal: NodeJS.Signals): void => {
    this.signal = signal;
    this.#listenNoMore();
    if (this.#signals.includes('SIGHUP')) process.on('SIGHUP', this.#pass);
    // Whoever writes to it may pause for as long as it likes, and the run would wait.
    if (this.#readsStandardInput) process.stdin.destroy();
    this.onStop(signal);
  };

  readonly #pass = (): void => undefined;

  constructor(readsStandardInput: boolean, signals: readonly NodeJS.Signals[] = STOPPING_SIGNALS) {
    this.#readsStandardInput = readsStandardInput;
    this.#signals = signals;
    for (const signal of signals) process.on(signal, this.#remember);
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
    for (const signal of this.#signals) process.off(signal, this.#remember);
  }
}
