import { stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Milliseconds between two looks. */
export const LOOKING_INTERVAL = 5_000;

/**
 * Whether an open file is still the one that its name stands for: writing to a file that was removed or replaced succeeds
 * for ever, and is worth nothing.
 */
export class NameWatch {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  /** @param onLost told once */
  constructor(path: string, file: FileHandle, onLost: () => void) {
    this.#path = path;
    this.#file = file;
    this.#timer = setInterval(() => {
      void this.isLost().then((isLost) => {
        if (!isLost || this.#isOver) return;
        this.end();
        onLost();
      });
    }, LOOKING_INTERVAL).unref();
  }

  /** A file system that fails or hangs for a moment says nothing about it. */
  async isLost(): Promise<boolean> {
    try {
      const [named, open] = await Promise.all([stat(this.#path, { bigint: true }), this.#file.stat({ bigint: true })]);
      return named.ino !== open.ino || named.dev !== open.dev;
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }

  end(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }
}
