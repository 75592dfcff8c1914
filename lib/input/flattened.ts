/**
 * The items of all groups, one by one. An async generator's work for each item (three promises, and a turn of the
 * microtask queue for each) took a third of the host's time in a run; here it is done once per group.
 *
 * Items come in the order of the calls, even when `next` is called again before the last answer. Returning early ends
 * the current group, then the groups.
 */
export function flattened<T>(groups: AsyncGenerator<Iterable<T>, unknown>): AsyncIterableIterator<T, undefined> {
  return new Flattened(groups);
}

class Flattened<T> implements AsyncIterableIterator<T, undefined> {
  readonly #groups: AsyncGenerator<Iterable<T>, unknown>;
  #group: Iterator<T> | undefined;
  /** The last answer that is still awaited, such as the next group; later calls are answered after it. */
  #pending: Promise<unknown> | undefined;

  constructor(groups: AsyncGenerator<Iterable<T>, unknown>) {
    this.#groups = groups;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#pending) return this.#afterPending(() => this.#next());
    if (this.#group) {
      try {
        const next = this.#group.next();
        if (!next.done) return Promise.resolve(next);
      } catch (error) {
        return this.#afterPending(() => this.#fail(error));
      }
      this.#group = undefined;
    }
    return this.#afterPending(() => this.#next());
  }

  return(): Promise<IteratorResult<T, undefined>> {
    return this.#afterPending(async () => {
      const group = this.#group;
      this.#group = undefined;
      try {
        group?.return?.();
      } finally {
        await this.#groups.return(undefined);
      }
      return { done: true, value: undefined };
    });
  }

  #afterPending<R>(answer: () => Promise<R>): Promise<R> {
    const earlier = this.#pending;
    const answered = earlier ? earlier.then(answer, answer) : answer();
    this.#pending = answered;
    const settle = (): void => {
      if (this.#pending === answered) this.#pending = undefined;
    };
    answered.then(settle, settle);
    return answered;
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      try {
        const next = this.#group?.next();
        if (next && !next.done) return next;
      } catch (error) {
        return await this.#fail(error);
      }
      this.#group = undefined;
      const group = await this.#groups.next();
      if (group.done) return { done: true, value: undefined };
      this.#group = group.value[Symbol.iterator]();
    }
  }

  /** A failing group ends everything, as an error within a generator does. */
  async #fail(error: unknown): Promise<never> {
    this.#group = undefined;
    await this.#groups.return(undefined);
    throw error;
  }
}
