import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work after which others get their turn: answers of devices, signals, a line of progress. */
const MAX_TURN = 10;

/** Cuts long work on the event loop's thread into turns. */
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
