import type { PackedTokens } from '../batches/tokens.js';
import type { LanguageModelPart, PooledStates, EmbedOutcome } from '../engine/pool/embedding-work.js';
import { failingRun, FailureStreak, UNSCORED_BATCHES_TO_STOP } from '../engine/pool/failure-policy.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import { codeOf, reasonOf } from '../errors.js';
import type { EmbeddingBatch } from './embedding-batcher.js';
import type { EmbeddingRecord, RecordProgress } from './record-progress.js';
import { statesOfRow } from './sequence-states.js';
import type { StatesRequest } from './sequence-states.js';

/** Batches of an interrupted run, by their number from 0, and a place for those of this one. */
export interface StatesJournal {
  has(number: number): boolean;
  /** @returns undefined if the journal's batch is of other tokens or damaged */
  find(number: number, tokens: PackedTokens): Promise<PooledStates | undefined>;
  /** Keeps a batch without failures. */
  add(number: number, tokens: PackedTokens, states: PooledStates): void;
  /** Resolves when more may be added; undefined if it may be now. */
  readonly room: Promise<void> | undefined;
}

export interface EmbeddingDispatcherOptions {
  readonly share: Pick<PoolShare, 'embed'>;
  readonly part: LanguageModelPart;
  readonly request: StatesRequest;
  readonly journal?: StatesJournal | undefined;
  /** A batch is settled, so that records may have a result. */
  readonly onSettled: () => void;
  /** No more batches will be computed. */
  readonly onFailure: (error: unknown) => void;
}

const ADVICE = 'Check the model and the devices with `virnucpro doctor`';

/** Sends batches to the devices, and enters what comes back into their records, in the order of the batches. */
export class EmbeddingDispatcher<R extends EmbeddingRecord> {
  readonly #options: EmbeddingDispatcherOptions;
  /** Batches so far, computed or found in the journal. */
  #batches = 0;
  /** Batches sent and not settled. */
  #underway = 0;
  #settling: Promise<void> = Promise.resolve();
  /** Batches without any states. */
  readonly #failed = new FailureStreak(UNSCORED_BATCHES_TO_STOP);

  constructor(options: EmbeddingDispatcherOptions) {
    this.#options = options;
  }

  get underway(): number {
    return this.#underway;
  }

  /**
   * Resolves when a device has taken the batch, or it was found in the journal. Failures are reported, not thrown.
   * @param isWhole whether any run over the same records makes this batch: false if the records broke off. Only such a
   *   batch is in the journal. Default true
   */
  async send(batch: EmbeddingBatch<RecordProgress<R>>, isWhole = true): Promise<void> {
    const { onFailure, onSettled } = this.#options;
    this.#underway++;
    for (const { owner } of batch.pieces) owner.unsent--;
    const accepted = this.#accepted(batch, this.#batches++, isWhole ? this.#options.journal : undefined);
    const outcome = accepted.then((taken) => taken.outcome);
    // An outcome may come while earlier ones are still awaited: its failure is handled in its turn.
    outcome.catch(() => undefined);
    this.#settling = this.#settling.then(async () => {
      try {
        await this.#settle(batch, await outcome);
      } catch (error) {
        onFailure(error);
      }
      this.#underway--;
      onSettled();
    });
    await accepted.catch(() => undefined);
  }

  async #accepted(
    { tokens, pools }: EmbeddingBatch<RecordProgress<R>>,
    number: number,
    journal: StatesJournal | undefined,
  ): Promise<{ readonly outcome: Promise<EmbedOutcome> }> {
    const { share, part, request } = this.#options;
    const known = journal?.has(number) ? await journal.find(number, tokens) : undefined;
    if (known) return { outcome: Promise.resolve({ ...known, failures: [], computed: [] }) };
    await journal?.room;
    const { outcome } = await share.embed(part, tokens, { layers: request.layers, pools });
    if (!journal) return { outcome };
    const kept = outcome.then(({ failures, computed, ...states }) => {
      // A batch with failures stays out of the journal, so that a resumed run tries it again.
      if (failures.length === 0) journal.add(number, tokens, states);
      return { failures, computed, ...states };
    });
    return { outcome: kept };
  }

  async #settle(
    { pieces, tokens }: EmbeddingBatch<RecordProgress<R>>,
    { failures, computed: _, ...states }: EmbedOutcome,
  ): Promise<void> {
    const { part, request } = this.#options;
    // The last device: nothing more will be computed.
    const lost = failures.find(({ error }) => codeOf(error) === 'VNP_DEVICE_LOST');
    if (lost) throw lost.error;
    let failed = 0;
    for (const { first, last, error } of failures) {
      failed += last - first;
      for (const { owner } of pieces.slice(first, last)) owner.fail(error);
    }
    for (const [row, { owner, window, isPooled }] of pieces.entries()) {
      if (owner.result) continue;
      if (isPooled) owner.succeed(statesOfRow(states, tokens, row, request));
      else await owner.enter(window, rowsOf(states, tokens, row), part, request);
    }
    this.#failed.add(failed === pieces.length);
    if (!this.#failed.hasReachedLimit) return;
    throw failingRun('embeddings', reasonOf(failures.at(-1)?.error), ADVICE);
  }
}

/** The states of all tokens of one sequence of a batch, for each layer. */
function rowsOf({ tokens: layers = [] }: PooledStates, { offsets, tokens }: PackedTokens, row: number): Float32Array[] {
  return layers.map((layer) => {
    const width = layer.length / tokens.length;
    return layer.subarray(offsets[row]! * width, offsets[row + 1]! * width);
  });
}
