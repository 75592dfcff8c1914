/** Wakes whoever waits until something may have changed. */
export class Changes {
  #wake: (() => void) | undefined;
  #next: Promise<void> | undefined;

  /** Resolves at the next `notify`: check what you wait for before each call, and again after it. */
  next(): Promise<void> {
    return (this.#next ??= new Promise((resolve) => (this.#wake = resolve)));
  }

  notify(): void {
    this.#next = undefined;
    this.#wake?.();
  }
}
