import { setImmediate as nextTurn } from 'node:timers/promises';
import { tasksAtATime } from '../engine/pool/pool-worker.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import { Changes } from './changes.js';
import { batchBudget, EmbeddingBatcher } from './embedding-batcher.js';
import type { BatchBudget, EmbeddingBatch } from './embedding-batcher.js';
import { EmbeddingDispatcher } from './embedding-dispatcher.js';
import type { StatesJournal } from './embedding-dispatcher.js';
import { PulledRecords } from './pulled-records.js';
import { readRecord } from './record-pieces.js';
import type { ReadingRules } from './record-pieces.js';
import type { EmbeddedRecord, EmbeddingRecord, RecordProgress } from './record-progress.js';

import type { StatesRequest } from './sequence-states.js';

export interface EmbeddingRunOptions {
  /** Closed at the end of the run. */
  readonly share: Pick<PoolShare, 'embed' | 'workers' | 'close'>;
  readonly rules: ReadingRules;
  readonly request: StatesRequest;
  /** Maximum tokens in a batch; a longer window runs alone. Fewer where their states would take too much memory. */
  readonly batchTokens: number;
  /** Numbers of a token's state in one layer. */
  readonly width: number;
  /** Batches in it are not computed again; computed batches are added to it. Defaults to none. */
  readonly journal?: StatesJournal | undefined;
  /**
   * Whether a batch is sent partly filled when no device has work and the next record has not come: then no record waits
   * for the one after it. Defaults to false: batches depend on the records alone, as a journal requires.
   */
  readonly flushWhenIdle?: boolean;
  /** Ends the run, which throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends it in the same way, with every other run of the embedder. */
  readonly closed?: AbortSignal | undefined;
}

/** What a run has done so far. */
export interface EmbeddingCounts {
  /** Records that were read. */
  readonly records: number;
  /** Letters of these. */
  readonly letters: number;
  /** Tokens, special ones and those of overlapping windows included. */
  readonly tokens: number;
  /** Records whose result was given. */
  readonly given: number;
  /** Of these, records without an embedding. */
  readonly failed: number;
}

/**
 * Embeds records: an iterator over one result for each, in their order. Reads on only as fast as the devices compute and
 * the results are taken. What the records' iterable throws, or the pool, comes after the results before it.
 */
export class EmbeddingRun<R extends EmbeddingRecord> implements AsyncIterableIterator<EmbeddedRecord<R>> {
  readonly #options: EmbeddingRunOptions;
  readonly #signals: readonly AbortSignal[];
  readonly #source: PulledRecords<R>;
  readonly #budget: BatchBudget;
  readonly #batcher: EmbeddingBatcher<RecordProgress<R>>;
  readonly #dispatcher: EmbeddingDispatcher<R>;
  readonly #changes = new Changes();
  /** Records without a result or whose result was not taken, in their order. */
  readonly #records = new Set<RecordProgress<R>>();
  /** Tokens of these. */
  #tokensHeld = 0;
  readonly #counts = { records: 0, letters: 0, tokens: 0, given: 0, failed: 0 };
  #reading: Promise<void> | undefined;
  #hasReadAll = false;
  #isStopped = false;
  #failure: { readonly error: unknown } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws VirnucproError VNP_ARGUMENT unless the records can be iterated */
  constructor(records: Iterable<R> | AsyncIterable<R>, options: EmbeddingRunOptions) {
    const { share, rules, request, batchTokens, width, journal, signal, closed } = options;
    this.#options = options;
    this.#signals = [signal, closed].filter((one) => one !== undefined);
    this.#source = new PulledRecords(records);
    this.#budget = batchBudget(batchTokens, { layers: request.layers.length, width });
    this.#batcher = new EmbeddingBatcher(this.#budget, request.pools);
    this.#dispatcher = new EmbeddingDispatcher<R>({
      share,
      part: rules.encoder.part,
      request,
      journal,
      onSettled: () => this.#changes.notify(),
      onFailure: (error) => this.#fail(error),
    });
  }

  get counts(): EmbeddingCounts {
    return this.#counts;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws the signal's reason; what the records' iterable throws; VirnucproError VNP_CLOSED, VNP_DEVICE_LOST, … */
  next(): Promise<IteratorResult<EmbeddedRecord<R>, undefined>> {
    const result = this.#turn.then(() => this.#next());
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Ends the run: what no device computes yet is dropped. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<EmbeddedRecord<R>, undefined>> {
    this.#begin();
    while (!this.#isStopped) {
      const aborted = this.#aborted;
      if (aborted) return this.#endWith(aborted.reason);
      const [oldest] = this.#records;
      if (oldest?.result) return { done: false, value: this.#give(oldest, oldest.result) };
      const isIdle = this.#dispatcher.underway === 0;
      if (this.#failure && isIdle) return this.#endWith(this.#failure.error);
      if (!oldest && this.#hasReadAll) await this.#end();
      else await this.#changes.next();
    }
    return { done: true, value: undefined };
  }

  #give(record: RecordProgress<R>, result: EmbeddedRecord<R>): EmbeddedRecord<R> {
    this.#records.delete(record);
    this.#tokensHeld -= record.size;
    this.#counts.given++;
    if (result.error) this.#counts.failed++;
    this.#changes.notify();
    return result;
  }

  async #endWith(error: unknown): Promise<never> {
    await this.#end().catch(() => undefined);
    throw error;
  }

  async #end(): Promise<void> {
    const isFirst = !this.#isStopped;
    this.#isStopped = true;
    this.#changes.notify();
    if (!isFirst) return;
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#notify);
    this.#options.share.close();
    this.#records.clear();
    await this.#source.close();
  }

  readonly #notify = (): void => this.#changes.notify();

  #begin(): void {
    if (this.#reading || this.#isStopped) return;
    for (const signal of this.#signals) signal.addEventListener('abort', this.#notify);
    this.#reading = this.#readAll().then(
      () => {
        this.#hasReadAll = true;
        this.#changes.notify();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** The first failure counts. After the end nobody asks. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#changes.notify();
  }

  async #readAll(): Promise<void> {
    let isWhole = false;
    try {
      for (;;) {
        await this.#room();
        if (this.#isOver()) return;
        const coming = this.#source.next();
        const record = coming instanceof Promise ? await this.#come(coming) : coming;
        if (record === undefined) break;
        await this.#enter(record);
      }
      isWhole = true;
    } finally {
      // Also before a failure of the records' iterable: the results before it are wanted.
      await this.#flush(isWhole);
    }
  }

  get #aborted(): AbortSignal | undefined {
    return this.#signals.find(({ aborted }) => aborted);
  }

  #isOver(): boolean {
    return this.#isStopped || this.#failure !== undefined || this.#aborted !== undefined;
  }

  /**
   * Waits until few enough records are held. The oldest one is not waited for as long as a part of it was not sent: it
   * would never be done.
   */
  async #room(): Promise<void> {
    const { most: ofBatch, mostWithStates } = this.#budget;
    // A result is as large as the states of its tokens only where they are not pooled.
    const tokens = this.#options.request.pools.includes('tokens') ? mostWithStates : ofBatch;
    const most = (this.#mostUnderway + 1) * tokens;
    const isFull = (): boolean => {
      const [oldest] = this.#records;
      return this.#tokensHeld >= most && oldest?.unsent === 0;
    };
    while (!this.#isOver() && isFull()) await this.#changes.next();
  }

  /** Enough to keep every device busy while results are entered. */
  get #mostUnderway(): number {
    return this.#options.share.workers.reduce((sum, { deviceId }) => sum + tasksAtATime(deviceId) + 1, 1);
  }

  /** Waits for a record. Meanwhile, sends what waits for it to fill a batch, if nothing else keeps the devices busy. */
  async #come(coming: Promise<R | undefined>): Promise<R | undefined> {
    let isHere = false;
    const hasCome = (): boolean => isHere;
    const arrive = (): void => {
      isHere = true;
      this.#changes.notify();
    };
    coming.then(arrive, arrive);
    while (!hasCome()) {
      if (this.#isOver()) return undefined;
      const isIdle = this.#dispatcher.underway === 0 && !this.#batcher.isEmpty;
      if (this.#options.flushWhenIdle && isIdle) {
        // Most iterables have their next record by then.
        await nextTurn();
        if (!hasCome()) await this.#flush();
      } else {
        await this.#changes.next();
      }
    }
    return coming;
  }

  async #enter(record: R): Promise<void> {
    const index = this.#counts.records++;
    const { progress, pieces } = await readRecord(record, index, this.#options.rules);
    this.#counts.letters += progress.length;
    this.#records.add(progress);
    this.#tokensHeld += progress.size;
    if (progress.result) this.#changes.notify();
    for (const piece of pieces) {
      if (this.#isOver()) return;
      this.#counts.tokens += piece.tokens.length;
      await this.#send(this.#batcher.add(piece));
    }
  }

  /** @param isWhole see EmbeddingDispatcher.send */
  #flush(isWhole = true): Promise<void> {
    return this.#send(this.#batcher.flush(), isWhole);
  }

  async #send(batch: EmbeddingBatch<RecordProgress<R>> | undefined, isWhole = true): Promise<void> {
    if (!batch) return;
    while (!this.#isOver() && this.#dispatcher.underway >= this.#mostUnderway) await this.#changes.next();
    if (!this.#isOver()) await this.#dispatcher.send(batch, isWhole);
  }
}
