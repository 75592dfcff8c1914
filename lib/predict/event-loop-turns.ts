import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work before everything else gets a turn: results from devices, signals, progress output. */
const MAX_TURN = 10;

/** Splits long work on the event loop's thread into turns. */
export class EventLoopTurns {
  #started = performance.now();

  /** Whether it is time to `wait`. */
  get isOver(): boolean {
    return performance.now() - this.#started > MAX_TURN;
  }

  /** Resolves when everything else that was ready has had its turn. */
  async wait(): Promise<void> {
    await setImmediate();
    this.#started = performance.now();
  }
}
