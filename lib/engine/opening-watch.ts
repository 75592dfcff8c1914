import type { NativeDevice } from './addon.js';
import { DEADLINES } from './stall-watch.js';

/** Milliseconds. */
const INTERVAL = 1000;
/** Seconds: the driver alone may need half a minute where it starts eight GPUs. */
const LEAST = 90;

/**
 * Gives up GPUs that hang while they are opened, inside the driver, where no deadline of the worker's own reaches its
 * thread. As long as any worker gives a sign all are waited for: one that waits for weights which another reads gives none.
 */
export class OpeningWatch {
  readonly #patience: number;
  readonly #opening = new Set<AbortController>();
  readonly #timer: NodeJS.Timeout;
  /** Seconds without a sign. */
  #still = 0;

  /**
   * @param deadline seconds after which a worker itself gives its device up
   * @param least seconds without a sign that say nothing
   */
  constructor(deadline: number, least = LEAST) {
    this.#patience = Math.max(least, DEADLINES * deadline);
    this.#timer = setInterval(() => this.#look(), INTERVAL).unref();
  }

  /** @param open opens a worker on this device, and is given what tells it to give the device up */
  async during<T>(device: NativeDevice, open: (abandon: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    if (device.id !== 'cpu') this.#opening.add(controller);
    try {
      return await open(controller.signal);
    } finally {
      this.#opening.delete(controller);
      this.hear();
    }
  }

  /** A worker has given a sign. */
  hear(): void {
    this.#still = 0;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    // However late the timer is: a process that was stopped finds the devices as they were.
    this.#still += INTERVAL / 1000;
    if (this.#still <= this.#patience) return;
    for (const controller of this.#opening) controller.abort();
  }
}
