import type { NativeDevice, NativeWorker } from '../addon.js';

/** What the watch has to know of a worker. */
export interface WatchedWorker {
  /** Whether it has work, on a device that can hang. */
  readonly isAtWork: boolean;
  /** Changes with every job that ends. */
  readonly jobsEnded: number;
  readonly native: Pick<NativeWorker, 'progress' | 'abandon'>;
}

interface Place {
  readonly at: string;
  /** Seconds for which it has been there. */
  still: number;
}

/** Milliseconds. */
const INTERVAL = 1000;
/** So many deadlines without any progress say that the worker cannot tell of it: its thread does not come back from the driver. */
const DEADLINES = 1.5;

/**
 * Gives up workers whose thread is stuck inside the driver. Everything else that hangs the worker notices by itself,
 * earlier; this keeps no process alive.
 */
export class StallWatch {
  readonly #workers: readonly WatchedWorker[];
  readonly #deadline: number;
  readonly #places = new Map<WatchedWorker, Place>();
  readonly #timer: NodeJS.Timeout;

  /** @param deadline seconds after which a worker itself gives its device up */
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
      const at = `${worker.jobsEnded} ${layersDone}`;
      const place = this.#places.get(worker);
      if (place?.at !== at) {
        this.#places.set(worker, { at, still: 0 });
        continue;
      }
      // However late the timer is: a process that was stopped finds the device as it was.
      place.still += INTERVAL / 1000;
      if (place.still > DEADLINES * this.#deadline) worker.native.abandon();
    }
  }
}

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
