import { setMaxListeners } from 'node:events';
import type { Pool } from '../engine/addon.js';
import type { LanguageModelPart } from '../engine/pool/embedding-work.js';
import type { WorkerDescription } from '../engine/pool/worker-usage.js';
import { asVirnucproError, expected, VirnucproError } from '../errors.js';
import type { AnyModel } from '../models/folder/model-folder.js';
import { checkKind, checkNames, isFlag, isSignal, namesOf } from '../option-checks.js';
import type { OrUndefined } from '../predict/options.js';
import { EmbeddingRun } from './embedding-run.js';
import type { EmbeddingRunOptions } from './embedding-run.js';
import { findLanguageModel, loadLanguageModel } from './open-language-model.js';
import type { LoadedLanguageModel } from './open-language-model.js';
import { checkLayer, resolveEmbedderOptions } from './options.js';
import type { EmbedderOptions, EmbedderSettings, VectorPool } from './options.js';
import type { ReadingRules } from './record-pieces.js';
import type { EmbeddingRecord } from './record-progress.js';
import { SequenceEncoder } from './sequence-encoder.js';

/** Options of `embed` and `stream`. */
export interface EmbedOptions {
  /** Aborts the call, which throws its reason: what no device computes yet is dropped. Defaults to none. */
  readonly signal?: AbortSignal;
}

/** Options of `embedTokens`. */
export interface EmbedTokensOptions extends EmbedOptions {
  /** Which layer's states to give, see EmbedderOptions. Defaults to the embedder's. */
  readonly layer?: number;
  /** Whether there are rows for the special tokens at both ends of a sequence, too. Defaults to false. */
  readonly specialTokens?: boolean;
}

/** What `stream` gives for each record: its embedding, or the error that says why it has none. */
export type Embedding<R extends EmbeddingRecord = EmbeddingRecord> = {
  /** The caller's own object. */
  readonly record: R;
  /** Position among the records, from 0. */
  readonly index: number;
  /** Letters that were read: residues or bases, without blanks, gaps of DNA and a final `*`; 0 if some are invalid. */
  readonly length: number;
} & (
  | {
      /** `width` numbers, in memory of its own. */
      readonly embedding: Float32Array;
      /** Absent from a record with an embedding. */
      readonly error?: undefined;
    }
  | {
      /** Absent from a record with an error. */
      readonly embedding?: undefined;
      /** VNP_INPUT_FORMAT: its letters are invalid, or it is too long; else why no device could compute it. */
      readonly error: VirnucproError;
    }
);

const EMBED_OPTIONS = namesOf<EmbedOptions>({ signal: true });
const EMBED_TOKENS_OPTIONS = namesOf<EmbedTokensOptions>({ signal: true, layer: true, specialTokens: true });

/**
 * A language model on its devices, which turns sequences into vectors. Any number of calls may be underway at once: the
 * devices take their batches in turn. An open one does not keep the process alive; close it to free its memory.
 */
export class Embedder implements AsyncDisposable {
  /** Which language model it is. */
  readonly part: LanguageModelPart;
  /** The model that it is a part of; parts that were not loaded are described, too. */
  readonly model: AnyModel;
  /** Numbers in an embedding. */
  readonly width: number;
  /** Number of layers; their states have the indices 0 to this one. */
  readonly layers: number;
  /** The layer whose states `embed` and `stream` give. */
  readonly layer: number;
  /** How they are pooled. */
  readonly pool: VectorPool;
  readonly #loaded: LoadedLanguageModel;
  readonly #rules: ReadingRules;
  readonly #closed = new AbortController();

  private constructor(loaded: LoadedLanguageModel, settings: EmbedderSettings, layer: number) {
    const { part, model, opened, tokenizer } = loaded;
    const { longSequences, maxLength, pool } = settings;
    this.part = part;
    this.model = model;
    this.width = opened.architecture.width;
    this.layers = opened.architecture.layers;
    this.layer = layer;
    this.pool = pool;
    this.#loaded = loaded;
    // Every run listens.
    setMaxListeners(0, this.#closed.signal);
    this.#rules = { encoder: new SequenceEncoder(part, tokenizer), longSequences, maxLength };
  }

  /** @internal use `openEmbedder` */
  static async open(options: EmbedderOptions): Promise<Embedder> {
    const settings = resolveEmbedderOptions(options);
    const { signal } = settings.handlers;
    try {
      signal?.throwIfAborted();
      const found = await findLanguageModel(options);
      const { layers } = found.opened.architecture;
      const layer = checkLayer(settings.layer ?? layers, layers);
      return new Embedder(await loadLanguageModel(found, settings), settings, layer);
    } catch (error) {
      // Whatever error the end of loading caused.
      signal?.throwIfAborted();
      throw asVirnucproError(error);
    }
  }

  /** Every worker that the model was loaded on. */
  get devices(): readonly WorkerDescription[] {
    return this.#loaded.pool.descriptions;
  }

  /** Maximum tokens in a batch. */
  get batchTokens(): number {
    return this.#loaded.batchTokens;
  }

  /** Tokens of a sequence that the model reads at once, without special ones. */
  get maxLength(): number {
    return this.#rules.maxLength;
  }

  /**
   * Embeds sequences: amino acids or bases, in either case; docs/embedding.md says how every letter is read.
   * @param sequences strings, or bytes in ASCII; do not change these before the promise settles
   * @returns the embedding of each, in order: `width` numbers, in memory of its own
   * @throws VirnucproError VNP_INPUT_FORMAT naming the first sequence that cannot be embedded, VNP_ARGUMENT, VNP_CLOSED,
   *   VNP_DEVICE_LOST, VNP_MEMORY, VNP_SYSTEMIC, VNP_NATIVE; the signal's reason
   */
  async embed(sequences: readonly (string | Uint8Array)[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    checkNames(EMBED_OPTIONS, options, 'embed');
    return this.#all(sequences, this.pool, this.layer, false, options);
  }

  /**
   * Gives the states of all tokens of sequences: of a protein one row for each residue, of DNA one row for each token of
   * its tokenizer, which stands for one or more bases; with `specialTokens` also one before and one after.
   * @param sequences as for `embed`
   * @returns for each [tokens, width], in order, in memory of its own
   * @throws what `embed` throws
   */
  async embedTokens(
    sequences: readonly (string | Uint8Array)[],
    options: EmbedTokensOptions = {},
  ): Promise<Float32Array[]> {
    checkNames(EMBED_TOKENS_OPTIONS, options, 'embedTokens');
    const { layer = this.layer, specialTokens = false, signal } = options;
    checkKind('specialTokens', specialTokens, 'true or false', isFlag);
    return this.#all(sequences, 'tokens', checkLayer(layer, this.layers), specialTokens, signal ? { signal } : {});
  }

  async #all(
    sequences: readonly (string | Uint8Array)[],
    pool: Pool,
    layer: number,
    specialTokens: boolean,
    options: EmbedOptions,
  ): Promise<Float32Array[]> {
    if (!Array.isArray(sequences)) throw expected('VNP_ARGUMENT', 'an array', 'the sequences', typeof sequences);
    const records = sequences.map((sequence: string | Uint8Array) => ({ sequence }));
    const run = this.run(records, { layers: [layer], pools: [pool], specialTokens }, options);
    const embeddings: Float32Array[] = [];
    for await (const { states, error } of run) {
      if (error) throw error;
      embeddings.push(states[pool]![0]!);
    }
    return embeddings;
  }

  /**
   * Embeds records one after another, in their order: reads on only as fast as the devices compute and the results are
   * taken. A record that cannot be embedded has an `error` and does not end the stream. Leaving the loop early ends it,
   * and the records' iterable, too. A second iteration throws VNP_ARGUMENT.
   * @param records objects with a `sequence`, an `id` for messages if you like, and anything else of yours
   * @throws while iterating: VirnucproError VNP_ARGUMENT for a record of the wrong type, VNP_CLOSED, VNP_DEVICE_LOST,
   *   VNP_SYSTEMIC when batch after batch failed, and what the records' iterable throws, after the results before it; the
   *   signal's reason at once
   */
  stream<R extends EmbeddingRecord>(
    records: Iterable<R> | AsyncIterable<R>,
    options: EmbedOptions = {},
  ): AsyncIterableIterator<Embedding<R>> {
    checkNames(EMBED_OPTIONS, options, 'stream');
    const { layer, pool } = this;
    const run = this.run(
      records,
      { layers: [layer], pools: [pool], specialTokens: false },
      { ...options, flushWhenIdle: true },
    );
    return new EmbeddingStream(run, pool);
  }

  /** @internal */
  run<R extends EmbeddingRecord>(
    records: Iterable<R> | AsyncIterable<R>,
    request: EmbeddingRunOptions['request'],
    options: OrUndefined<Pick<EmbeddingRunOptions, 'signal' | 'flushWhenIdle'>>,
  ): EmbeddingRun<R> {
    const closed = this.#closed.signal;
    closed.throwIfAborted();
    const { signal, flushWhenIdle = false } = options;
    checkKind('signal', signal, 'an AbortSignal', isSignal);
    const { pool, batchTokens, opened } = this.#loaded;
    const { width } = opened.architecture;
    const share = pool.share();
    return new EmbeddingRun(records, {
      ...{ share, rules: this.#rules, request, batchTokens, width, signal, closed, flushWhenIdle },
    });
  }

  /**
   * Frees the model and ends its threads, once the running batches are finished. Unfinished calls throw VNP_CLOSED at
   * once, also those that wait for a record. Closing twice is harmless.
   */
  async close(): Promise<void> {
    this.#closed.abort(new VirnucproError('VNP_CLOSED', 'The embedder is closed: open another one'));
    await this.#loaded.pool.close();
  }

  /** Closes it, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The results of a run with one layer and one pool. */
class EmbeddingStream<R extends EmbeddingRecord> implements AsyncIterableIterator<Embedding<R>> {
  readonly #run: EmbeddingRun<R>;
  readonly #pool: VectorPool;
  #isIterated = false;

  constructor(run: EmbeddingRun<R>, pool: VectorPool) {
    this.#run = run;
    this.#pool = pool;
  }

  [Symbol.asyncIterator](): this {
    if (this.#isIterated) {
      throw expected('VNP_ARGUMENT', 'one iteration', 'a stream', 'a second one', 'Call stream again for another');
    }
    this.#isIterated = true;
    return this;
  }

  async next(): Promise<IteratorResult<Embedding<R>, undefined>> {
    const { done, value } = await this.#run.next();
    if (done) return { done, value: undefined };
    const { record, index, length, states, error } = value;
    const about = { record, index, length };
    return { done: false, value: error ? { ...about, error } : { ...about, embedding: states[this.#pool]![0]! } };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#run.return();
  }
}

/**
 * Loads one language model of a model on its devices. Takes as long as reading its weights.
 *
 * ```ts
 * const embedder = await openEmbedder({ model: 'esm2-650M', part: 'protein' });
 * const [embedding] = await embedder.embed(['MKTAYIAKQRQISFVKSHFSRQ']);
 * await embedder.close();
 * ```
 *
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED,
 *   VNP_LIBTORCH, VNP_DEVICE, VNP_DEVICE_LOST, VNP_MEMORY, VNP_THREADS, VNP_WRONG_NUMBERS, VNP_NATIVE; the signal's reason
 */
export async function openEmbedder(options: EmbedderOptions): Promise<Embedder> {
  return Embedder.open(options);
}
