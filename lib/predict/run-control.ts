import { VirnucproError } from '../errors.js';

/** What a run's work is done by, as far as it is steered. */
export interface SteeredPool {
  /** While it holds, what runs is finished and nothing else begins. */
  hold(isHeld: boolean): void;
  /** Gives up all that has not begun. */
  cancel(): void;
}

/** Several, steered as one. */
export function steeredTogether(pools: readonly SteeredPool[]): SteeredPool {
  return {
    hold: (isHeld) => pools.forEach((pool) => pool.hold(isHeld)),
    cancel: () => pools.forEach((pool) => pool.cancel()),
  };
}

/** How a run is paused, and ended before its end, from outside or from within. */
export class RunControl {
  readonly #ended = new AbortController();
  /** When the pause began, in milliseconds of performance.now; undefined when there is none. */
  #pausedSince: number | undefined;
  #pausedBefore = 0;
  /** In a pause of a run that goes on nothing else may be left that keeps the process alive. */
  #alive: NodeJS.Timeout | undefined;
  #steered: SteeredPool | undefined;

  /** Why the run was stopped; undefined as long as it was not. */
  get stopped(): VirnucproError | undefined {
    return this.#ended.signal.reason as VirnucproError | undefined;
  }

  /** Aborted when the run is stopped, with the same reason. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get isPaused(): boolean {
    return this.#pausedSince !== undefined;
  }

  /** Of all pauses so far; each begins when the devices have finished what they had. */
  get secondsPaused(): number {
    const now = performance.now();
    return (this.#pausedBefore + now - (this.#pausedSince ?? now)) / 1000;
  }

  /** Nothing new is read or given to a device from now on. The first reason counts. */
  stop(reason: VirnucproError): void {
    if (this.stopped) return;
    this.#ended.abort(reason);
    this.#steered?.cancel();
    this.resume();
  }

  /** Stops the run when the signal says so, now or later. @returns how to listen no more */
  listenTo(signal: AbortSignal): () => void {
    const abort = (): void =>
      this.stop(
        new VirnucproError('VNP_ABORTED', 'The run was ended by its caller before its end', { cause: signal.reason }),
      );
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    return () => signal.removeEventListener('abort', abort);
  }

  /** Steers this pool from now on. @returns how to let it go: with nothing of this run in it, and held no more */
  steer(pool: SteeredPool): () => void {
    this.#steered = pool;
    this.#hold();
    return () => {
      this.#steered = undefined;
      this.#hold();
      // Where all went well nothing is left to cancel.
      pool.cancel();
      pool.hold(false);
    };
  }

  #hold(): void {
    clearInterval(this.#alive);
    this.#steered?.hold(this.isPaused);
    if (this.#steered && this.isPaused) this.#alive = setInterval(() => undefined, 60_000);
  }

  /** What the devices compute is finished; they get nothing new until `resume`. */
  pause(): void {
    if (this.stopped || this.isPaused) return;
    this.#pausedSince = performance.now();
    this.#hold();
  }

  /** A device has finished something: as long as they work, it is no pause yet. */
  noteWork(): void {
    if (this.#pausedSince !== undefined) this.#pausedSince = performance.now();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.#pausedBefore = 1000 * this.secondsPaused;
    this.#pausedSince = undefined;
    this.#hold();
  }
}
