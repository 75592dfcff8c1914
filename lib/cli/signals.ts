import { EventEmitter } from 'node:events';
import { VirnucproError } from '../errors.js';
import { EXIT_OF_SIGNAL } from './exit-codes.js';

const STOPPING_SIGNALS = [...EXIT_OF_SIGNAL.keys()];

/** How long operations may take to clean up after a signal. */
const CLEANUP_GRACE_MS = 400;

/**
 * Handles the signals of a command, until `release`. The first SIGINT, SIGTERM or SIGHUP aborts `stopped`; a second one
 * ends the process as if it were not caught, except SIGHUP, which a closing terminal sends more than once. With
 * `reports`, SIGUSR2 emits `report`, which asks how far the command is; otherwise it ends the process.
 */
export class Signals extends EventEmitter<{ report: [] }> {
  /** The signal that stopped a command of this process, if any. */
  static stoppedProcess: NodeJS.Signals | undefined;

  readonly #stopped = new AbortController();
  readonly #graceOver = new AbortController();
  #received: NodeJS.Signals | undefined;
  readonly #stop = (signal: NodeJS.Signals): void => this.stop(signal);
  readonly #report = (): unknown => this.emit('report');
  readonly #pass = (): void => undefined;

  constructor({ reports = false }: { readonly reports?: boolean } = {}) {
    super();
    for (const signal of STOPPING_SIGNALS) process.on(signal, this.#stop);
    if (reports) process.on('SIGUSR2', this.#report);
  }

  /** Aborted at the first signal, with the reason VNP_ABORTED. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /**
   * Aborted CLEANUP_GRACE_MS after `stopped`, with the same reason: for operations that clean up when `stopped` is
   * aborted, which they cannot if a file system hangs.
   */
  get graceOver(): AbortSignal {
    return this.#graceOver.signal;
  }

  /** The first stopping signal, if one has arrived. */
  get received(): NodeJS.Signals | undefined {
    return this.#received;
  }

  /** Acts as if the signal had arrived: for a key that means the same. */
  stop(signal: NodeJS.Signals): void {
    if (this.#received !== undefined) return;
    this.#received = signal;
    Signals.stoppedProcess = signal;
    this.#stopListening();
    process.on('SIGHUP', this.#pass);
    // The warning in run.json names the signal by the cause.
    const reason = new VirnucproError('VNP_ABORTED', `${signal} stopped the command`, { cause: signal });
    setTimeout(() => this.#graceOver.abort(reason), CLEANUP_GRACE_MS).unref();
    this.#stopped.abort(reason);
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
