import type { NativeWorker } from '../engine/addon.js';
import { asVirnucproError, expected } from '../errors.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { prepareAddon } from '../engine/libtorch/load.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { verifyFiles } from '../models/trust/verify.js';
import { checkGiven, checkKind, checkNames, isFlag, namesOf } from '../option-checks.js';
import { endedBy, unlessAborted } from '../unless-aborted.js';
import { calibrateAll, temperatureOf } from '../scoring/frame-scores.js';
import { resolveModelSettings, resolveOpenHandlers } from './resolve-options.js';
import type { OpenOptions, PredictOptions } from './options.js';

/** The options of `open` and `predict` that a classifier alone has use for. */
export type ClassifierOptions = Pick<OpenOptions, 'model' | 'models' | 'trust' | 'threads' | 'signal'> &
  Pick<PredictOptions, 'calibration'>;

const CLASSIFIER_OPTIONS = namesOf<ClassifierOptions>({
  model: true,
  models: true,
  trust: true,
  threads: true,
  signal: true,
  calibration: true,
});

/**
 * A model's classifier alone, for embeddings computed earlier: it takes megabytes and seconds where the language models
 * take gigabytes and days. Computes in float32 on the CPU.
 */
export class EmbeddingClassifier {
  /** The model that the classifier belongs to. */
  readonly model: OpenedModel;
  /** Scores are softmax(logits / temperature): 1 unless they are calibrated. */
  readonly temperature: number;
  readonly #worker: NativeWorker;

  private constructor(model: OpenedModel, temperature: number, worker: NativeWorker) {
    this.model = model;
    this.temperature = temperature;
    this.#worker = worker;
  }

  /**
   * Loads the classifier.
   * @throws VirnucproError VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED, VNP_LIBTORCH, VNP_ARGUMENT; the
   *   signal's reason
   */
  static async open(given: ClassifierOptions = {}): Promise<EmbeddingClassifier> {
    checkNames(CLASSIFIER_OPTIONS, given, 'EmbeddingClassifier.open');
    const { calibration = true, ...options } = given;
    checkKind('calibration', calibration, 'true or false', isFlag);
    const { threads } = resolveModelSettings(options);
    const { signal } = resolveOpenHandlers(options);
    return endedBy(signal, EmbeddingClassifier.#load({ ...options, calibration, threads }));
  }

  static async #load(
    options: ClassifierOptions & { readonly calibration: boolean; readonly threads: number },
  ): Promise<EmbeddingClassifier> {
    const { trust = false, threads, signal } = options;
    const registry = new ModelRegistry(modelsFolder(options.models));
    const model = await unlessAborted(registry.findTrusted(options.model, { trust }), signal);
    const { classifier } = model;
    const { addon } = await prepareAddon(signal);
    await verifyFiles([classifier], { signal });
    const opening = addon.openWorker({
      device: 'cpu',
      precision: 'fp32',
      threads,
      engine: 'packed',
      ...(signal && { signal }),
      classifier,
    });
    try {
      const worker = await unlessAborted(opening, signal);
      return new EmbeddingClassifier(model, temperatureOf(model, options.calibration), worker);
    } catch (error) {
      if (signal?.aborted) void opening.then((worker) => worker.close()).catch(() => undefined);
      throw asVirnucproError(error);
    }
  }

  /** Numbers in an embedding: the widths of both language models together. */
  get width(): number {
    return this.model.classifier.architecture.inputs;
  }

  /**
   * @param embeddings [frames, width], as in FrameScore; one call at a time
   * @returns of shape [frames, 2]: others, virus
   * @throws VirnucproError VNP_ARGUMENT, VNP_CLOSED, VNP_NATIVE
   */
  async classify(embeddings: Float32Array): Promise<Float32Array> {
    checkGiven('the embeddings', embeddings, 'a Float32Array', (value: unknown) => value instanceof Float32Array);
    if (embeddings.length % this.width !== 0) {
      const received = `${embeddings.length} numbers`;
      throw expected('VNP_ARGUMENT', `rows of ${this.width} numbers`, 'the embeddings', received);
    }
    try {
      const scores = await this.#worker.classify(embeddings);
      calibrateAll(scores, this.temperature);
      return scores;
    } catch (error) {
      throw asVirnucproError(error);
    }
  }

  /** Frees the classifier. Closing twice is harmless. */
  async close(): Promise<void> {
    await this.#worker.close();
  }

  /** `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
