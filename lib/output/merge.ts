import type { HighestScores, SortedSource } from './sorted-run.js';

/** Joins entries of the same key: the maximum of each score. */
export function joined(first: HighestScores, second: HighestScores): HighestScores {
  return {
    key: first.key,
    others: Math.max(first.others, second.others),
    virus: Math.max(first.virus, second.virus),
  };
}

/**
 * Merges sorted sources by a heap of their current entries, joining entries of the same key. Closes the sources, even
 * if it is left early or fails.
 */
export async function* merge(sources: readonly SortedSource[]): AsyncGenerator<readonly HighestScores[]> {
  const heap = new SourceHeap(sources.filter(({ current }) => current !== undefined));
  let page: HighestScores[] = [];
  let last: HighestScores | undefined;
  try {
    for (let source = heap.first; source !== undefined; source = heap.first) {
      const entry = source.current as HighestScores;
      if (last?.key === entry.key) {
        last = joined(last, entry);
      } else {
        if (last !== undefined) page.push(last);
        last = entry;
      }
      const reading = source.advance();
      if (reading !== undefined) await reading;
      heap.settleFirst();
      if (page.length >= PAGE_ENTRIES) {
        yield page;
        page = [];
      }
    }
    if (last !== undefined) page.push(last);
    yield page;
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

/** Entries in a page: an asynchronous step for each entry would cost more than the merge. */
const PAGE_ENTRIES = 1024;

/** A binary heap: the source with the smallest key is first. */
class SourceHeap {
  readonly #sources: SortedSource[];

  constructor(sources: SortedSource[]) {
    this.#sources = sources.sort((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0));
  }

  get first(): SortedSource | undefined {
    return this.#sources[0];
  }

  /** Restores the order after the first source has advanced; drops the source if it has ended. */
  settleFirst(): void {
    const heap = this.#sources;
    if (heap[0]?.current === undefined) {
      const last = heap.pop();
      if (heap.length === 0 || last === undefined) return;
      heap[0] = last;
    }
    for (let parent = 0; ;) {
      let smallest = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[child], heap[smallest])) smallest = child;
      }
      if (smallest === parent) return;
      const moved = heap[parent] as SortedSource;
      heap[parent] = heap[smallest] as SortedSource;
      heap[smallest] = moved;
      parent = smallest;
    }
  }
}

function before(a: SortedSource | undefined, b: SortedSource | undefined): boolean {
  return (a?.current as HighestScores).key < (b?.current as HighestScores).key;
}
