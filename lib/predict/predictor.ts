import type { NativeBytePairTokenizer, OpenRequest } from '../engine/addon.js';
import { chooseDevices } from '../engine/choose-devices.js';
import { loadAddon } from '../engine/load.js';
import { DevicePool } from '../engine/pool.js';
import type { WorkerDescription } from '../engine/pool.js';
import { precisionFor } from '../engine/precision.js';
import { VirnucproError, expected } from '../errors.js';
import { flattened } from '../input/flattened.js';
import { checkInputs } from '../input/input-files.js';
import { readRecords } from '../input/records.js';
import type { OpenedModel } from '../models/pipeline.js';
import { PROTEIN_TOKENS } from '../models/protein-alphabet.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { resolveOpenOptions, resolvePredictOptions } from './options.js';
import type { OpenOptions, PredictOptions } from './options.js';
import { predictRecords } from './pipeline.js';
import type { PredictionResult } from './results.js';
import { RunSummary } from './summary.js';

/** One run over some inputs. Iterate it once, before the predictor's next; `summary` is up to date at any moment and final afterwards. */
export interface Prediction extends AsyncIterable<PredictionResult> {
  readonly summary: RunSummary;
}

/** A model, loaded on its devices. Several may be open in one process; one run at a time for each. */
export class Predictor {
  /** What was loaded. */
  readonly model: OpenedModel;
  readonly #pool: DevicePool;
  readonly #tokenizer: NativeBytePairTokenizer;
  readonly #batchTokens: { esm: number; dnabert: number };
  #running = false;
  #closed = false;

  private constructor(
    model: OpenedModel,
    pool: DevicePool,
    tokenizer: NativeBytePairTokenizer,
    batchTokens: { esm: number; dnabert: number },
  ) {
    this.model = model;
    this.#pool = pool;
    this.#tokenizer = tokenizer;
    this.#batchTokens = batchTokens;
  }

  /** @internal use `open` */
  static async open(options: OpenOptions): Promise<Predictor> {
    const { precision, threads, engine, esmBatchTokens, dnabertBatchTokens } = resolveOpenOptions(options);
    const model = await findModel(options);
    const loaded = loadAddon();
    const { addon } = loaded;
    const requests = chooseDevices(loaded, options.devices).map((device): OpenRequest => {
      const { dna, protein, classifier } = model;
      return {
        device: device.id,
        precision: precisionFor(device, precision),
        threads,
        engine,
        dna,
        protein,
        classifier,
      };
    });
    const tokenizer = new addon.BytePairTokenizer(model.tokenizer);
    const pool = await DevicePool.open(addon, requests);
    return new Predictor(model, pool, tokenizer, { esm: esmBatchTokens, dnabert: dnabertBatchTokens });
  }

  /** Every device that the model was loaded on. */
  get devices(): readonly WorkerDescription[] {
    return this.#pool.workers;
  }

  /** The most tokens in a batch of each model. */
  get batchTokens(): { readonly esm: number; readonly dnabert: number } {
    return this.#batchTokens;
  }

  /**
   * Predicts every record of the inputs: paths of FASTA files, directories of them, or `-`. Results come in input order:
   * the windows of a record, then the record. Breaking out of the loop ends the run. Results leave as
   * records come in, and at the end: while a pipe pauses they wait, finished or not.
   *
   * @throws VirnucproError VNP_ARGUMENT, VNP_CLOSED at once; while iterating VNP_INPUT_MISSING and VNP_INPUT_FORMAT,
   *   before anything is computed where an input's beginning shows it, else after the results of the records before
   */
  predict(inputs: string | readonly string[], options: PredictOptions = {}): Prediction {
    const { sequences, ...rule } = resolvePredictOptions(options);
    const paths = typeof inputs === 'string' ? [inputs] : inputs;
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string')) {
      throw expected('VNP_ARGUMENT', 'a path or an array of paths', 'predict', typeof inputs);
    }
    this.#checkIdle();
    const summary = new RunSummary(this.#pool.countUsage());
    const results = flattened(this.#run(paths, { sequences, rule }, options, summary));
    return { summary, [Symbol.asyncIterator]: () => results };
  }

  /**
   * After a run: measures on every device how fast the models' linear layers alone are, and enters that as `limit` into
   * the devices of the run's summary. Takes a fiftieth of the run or about half a second; where that is too little, and
   * with the TorchScript engine, there is no limit. See `linearShare`.
   * @throws VirnucproError VNP_CLOSED, VNP_ARGUMENT while a run goes on, VNP_MEMORY
   */
  async measureLimits(): Promise<void> {
    this.#checkIdle();
    this.#running = true;
    try {
      await this.#pool.measureLimits();
    } finally {
      this.#running = false;
    }
  }

  /**
   * Frees the models and ends their threads, after the batches that run. A run that is not at its end gives no more
   * results but VNP_CLOSED. Closing twice is harmless.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new VirnucproError('VNP_CLOSED', 'Expected an open predictor for a run but it was closed');
  }

  #checkIdle(): void {
    this.#checkOpen();
    if (!this.#running) return;
    throw expected(
      'VNP_ARGUMENT',
      'one run at a time',
      'a predictor',
      'a second',
      'Await the first, or open another one',
    );
  }

  async *#run(
    inputs: readonly string[],
    { sequences, rule }: { sequences: boolean; rule: { threshold: number; minFraction: number } },
    { standardInput }: PredictOptions,
    summary: RunSummary,
  ): AsyncGenerator<Iterable<PredictionResult>> {
    this.#checkIdle();
    this.#running = true;
    try {
      await checkInputs(inputs);
      const records = readRecords(inputs, { progress: summary.input, ...(standardInput && { standardInput }) });
      const batches = {
        proteinTokens: this.#batchTokens.esm,
        dnaTokens: this.#batchTokens.dnabert,
        dnaTokenizer: this.#tokenizer,
        proteinTable: PROTEIN_TOKENS,
      };
      const options = { chunkSize: this.model.chunkSize, batches, rule, sequences };
      for await (const results of predictRecords(records, this.#pool, options, summary)) {
        yield this.#whileOpen(results);
      }
    } finally {
      this.#running = false;
    }
  }

  /** What comes after a close failed because of it: that is no result. */
  *#whileOpen(results: Iterable<PredictionResult>): Generator<PredictionResult> {
    for (const result of results) {
      this.#checkOpen();
      yield result;
    }
  }
}

async function findModel({ model, models }: OpenOptions): Promise<OpenedModel> {
  return await new ModelRegistry(modelsFolder(models)).find(model);
}
