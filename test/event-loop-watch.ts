import { openSync, readSync } from 'node:fs';

/** Milliseconds between two looks at the loop. */
const INTERVAL = 2;

/**
 * Measures for how long at most the event loop of this process's main thread stands still. Time during which the thread
 * was ready but had no processor does not count: a busy machine takes that from any program.
 */
export class EventLoopWatch {
  readonly #statistics = openSync('/proc/self/schedstat', 'r');
  readonly #timer: NodeJS.Timeout;
  #last = this.#now();
  #longest = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), INTERVAL);
  }

  /** The longest stretch since the last call, in milliseconds, ending now. */
  lap(): number {
    this.#look();
    const longest = this.#longest;
    this.#longest = 0;
    return longest;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = this.#now();
    const stretch = now.time - this.#last.time - (now.waited - this.#last.waited) - INTERVAL;
    this.#longest = Math.max(this.#longest, stretch);
    this.#last = now;
  }

  /** `waited`: how long the thread has waited for a processor so far, in milliseconds; 0 where Linux does not count. */
  #now(): { readonly time: number; readonly waited: number } {
    const text = Buffer.alloc(100);
    const length = readSync(this.#statistics, text, 0, text.length, 0);
    const waited = Number(text.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1e6;
    return { time: performance.now(), waited };
  }
}
