import type { PoolShare } from '../engine/pool/pool-share.js';
import { VirnucproError } from '../errors.js';

/** What a run must be able to control of its work on the devices. */
export type ControlledWork = Pick<PoolShare, 'setPaused' | 'cancel'>;

/** Pauses a run, or ends it early, from outside or from within. */
export class RunControl {
  readonly #ended = new AbortController();
  readonly #reading = new AbortController();
  /** When the pause began, in milliseconds of performance.now; undefined when not paused. */
  #pausedSince: number | undefined;
  #pausedBefore = 0;
  /** During a pause this may be all that keeps the process alive. */
  #alive: NodeJS.Timeout | undefined;
  #work: ControlledWork | undefined;
  #closed: VirnucproError | undefined;
  #stopped: VirnucproError | undefined;

  /** Why the run was stopped; undefined if it was not. */
  get stopped(): VirnucproError | undefined {
    return this.#stopped;
  }

  /** Aborted when the run is stopped; its reason is what the run throws: `stopped`, or the reason of the caller's signal. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Aborted when nothing more is read, whatever the input does: with `ended`, for the same reason, or by `endReading`. */
  get reading(): AbortSignal {
    return this.#reading.signal;
  }

  /** The caller has left. */
  endReading(): void {
    this.#reading.abort();
  }

  /** @throws what a stopped run throws, if the run is stopped */
  throwIfStopped(): void {
    this.#ended.signal.throwIfAborted();
  }

  get isPaused(): boolean {
    return this.#pausedSince !== undefined;
  }

  /** Total of all pauses so far; each begins when the devices have finished what they were computing. */
  get secondsPaused(): number {
    const now = performance.now();
    return (this.#pausedBefore + now - (this.#pausedSince ?? now)) / 1000;
  }

  /**
   * From now on nothing new is read or given to a device. Only the first reason counts.
   * @param thrown what the run throws, if that is not the reason itself
   */
  stop(reason: VirnucproError, thrown: unknown = reason): void {
    if (this.stopped) return;
    this.#stopped = reason;
    this.#ended.abort(thrown);
    this.#reading.abort(thrown);
    this.#work?.cancel();
    this.resume();
  }

  /** Stops the run and withholds its remaining results, because the models are closed. */
  close(reason: VirnucproError): void {
    this.#closed = reason;
    this.stop(reason);
  }

  throwIfClosed(): void {
    if (this.#closed) throw this.#closed;
  }

  /** Stops the run when the signal is aborted, now or later. @returns a function that stops listening */
  listenTo(signal: AbortSignal): () => void {
    const abort = (): void => this.stop(stoppedBy(signal.reason), signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    return () => signal.removeEventListener('abort', abort);
  }

  /** Controls this work from now on. @returns a function that lets go of it, not paused and with nothing left to begin */
  attach(work: ControlledWork): () => void {
    this.#work = work;
    this.#applyPause();
    return () => {
      this.#work = undefined;
      this.#applyPause();
      // If all went well there is nothing left to cancel.
      work.cancel();
      work.setPaused(false);
    };
  }

  #applyPause(): void {
    clearInterval(this.#alive);
    this.#work?.setPaused(this.isPaused);
    if (this.#work && this.isPaused) this.#alive = setInterval(() => undefined, 60_000);
  }

  /** The devices finish what they are computing, and get nothing new until `resume`. */
  pause(): void {
    if (this.stopped || this.isPaused) return;
    this.#pausedSince = performance.now();
    this.#applyPause();
  }

  /** A device has finished something: a pause does not begin while devices are working. */
  noteWork(): void {
    if (this.#pausedSince !== undefined) this.#pausedSince = performance.now();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.#pausedBefore = 1000 * this.secondsPaused;
    this.#pausedSince = undefined;
    this.#applyPause();
  }
}

/** A caller's reason as an error that describes the run. */
function stoppedBy(reason: unknown): VirnucproError {
  if (reason instanceof VirnucproError) return reason;
  return new VirnucproError('VNP_ABORTED', 'The caller stopped the run before it was complete', { cause: reason });
}
