import type { NativeDevice, NativeWorker } from '../addon.js';

/** What the watch needs to know about a worker. */
export interface WatchedWorker {
  /** Whether it has work, on a device that can hang. */
  readonly isAtWork: boolean;
  /** Changes whenever a task ends. */
  readonly tasksEnded: number;
  readonly native: Pick<NativeWorker, 'progress' | 'abandon'>;
}

interface Place {
  readonly at: string;
  /** Seconds without progress. */
  still: number;
}

/** Milliseconds. */
const INTERVAL = 1000;
/**
 * After this many deadlines without progress, the worker is evidently unable to give up: its thread is stuck inside the
 * driver.
 */
const DEADLINES = 1.5;

/**
 * Gives up workers whose thread is stuck inside the driver. Any other hang is noticed earlier, by the worker itself.
 * Does not keep the process alive.
 */
export class StallWatch {
  readonly #workers: readonly WatchedWorker[];
  readonly #deadline: number;
  readonly #places = new Map<WatchedWorker, Place>();
  readonly #timer: NodeJS.Timeout;

  /** @param deadline seconds after which a worker gives its device up by itself */
  constructor(workers: readonly WatchedWorker[], deadline: number) {
    this.#workers = workers;
    this.#deadline = deadline;
    this.#timer = setInterval(() => this.#look(), INTERVAL).unref();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const worker of this.#workers) {
      if (!worker.isAtWork) {
        this.#places.delete(worker);
        continue;
      }
      const { layersDone } = worker.native.progress();
      const at = `${worker.tasksEnded} ${layersDone}`;
      const place = this.#places.get(worker);
      if (place?.at !== at) {
        this.#places.set(worker, { at, still: 0 });
        continue;
      }
      // Counts ticks, not time: a process that was stopped must not blame the device for it.
      place.still += INTERVAL / 1000;
      if (place.still > DEADLINES * this.#deadline) worker.native.abandon();
    }
  }
}

/** Seconds: the driver alone may need half a minute to start eight GPUs. */
const LEAST = 90;

/**
 * Gives up GPUs that hang inside the driver while they are opened, where the worker's own deadline cannot reach its
 * thread. Waits for all workers as long as any gives a sign of life: one that waits for weights which another reads
 * gives none.
 */
export class OpeningWatch {
  readonly #patience: number;
  readonly #opening = new Set<AbortController>();
  readonly #timer: NodeJS.Timeout;
  /** Seconds without a sign of life. */
  #still = 0;

  /**
   * @param deadline seconds after which a worker gives its device up by itself
   * @param least minimum patience: seconds without a sign of life that are never taken for a hang
   */
  constructor(deadline: number, least = LEAST) {
    this.#patience = Math.max(least, DEADLINES * deadline);
    this.#timer = setInterval(() => this.#look(), INTERVAL).unref();
  }

  /** @param open opens a worker on this device; its signal says to give the device up */
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

  /** A worker has given a sign of life. */
  hear(): void {
    this.#still = 0;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    // Counts ticks, not time: a process that was stopped must not blame the devices for it.
    this.#still += INTERVAL / 1000;
    if (this.#still <= this.#patience) return;
    for (const controller of this.#opening) controller.abort();
  }
}
