/** Batches of one page: numbers of batches follow each other, so that pages are full but for the last ones. */
const PAGE = 512;

interface Page {
  /** Where the record of a batch begins, plus 1; 0 where there is none. */
  readonly starts: Float64Array;
  readonly frames: Uint32Array;
}

/**
 * Where the batches of a journal are, by their numbers: 12 bytes a batch, since a long run has millions of them. All else
 * is read again from the record when it is asked for.
 */
export class RecordPlaces {
  readonly #pages = new Map<number, Page>();
  #batches = 0;
  #frames = 0;

  /** Of several records of one batch the last counts. */
  set(batch: number, start: number, frames: number): void {
    const page = this.#pages.get(Math.floor(batch / PAGE)) ?? this.#newPage(Math.floor(batch / PAGE));
    const index = batch % PAGE;
    if (page.starts[index] === 0) this.#batches++;
    this.#frames += frames - page.frames[index]!;
    page.starts[index] = start + 1;
    page.frames[index] = frames;
  }

  /** @returns undefined where there is none */
  startOf(batch: number): number | undefined {
    const start = this.#pages.get(Math.floor(batch / PAGE))?.starts[batch % PAGE] ?? 0;
    return start === 0 ? undefined : start - 1;
  }

  get batches(): number {
    return this.#batches;
  }

  /** Of all batches together. */
  get frames(): number {
    return this.#frames;
  }

  #newPage(number: number): Page {
    const page = { starts: new Float64Array(PAGE), frames: new Uint32Array(PAGE) };
    this.#pages.set(number, page);
    return page;
  }
}
