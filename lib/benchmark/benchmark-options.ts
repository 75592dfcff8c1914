import { ENGINES } from '../engine/addon.js';
import type { Engine } from '../engine/addon.js';
import { DEFAULT_PRECISION, PRECISIONS } from '../engine/devices/choose-devices.js';
import type { PrecisionChoice } from '../engine/devices/choose-devices.js';
import { expected } from '../errors.js';
import { checkChoice, checkKind, checkNames, isFlag, isFunction, isText, namesOf, whole } from '../option-checks.js';
import { MAX_BATCH_TOKENS, MAX_THREADS } from '../predict/options.js';
import { defaultThreads } from '../predict/resolve-options.js';

/** Default number of sequences to embed. */
export const DEFAULT_BENCHMARK_SEQUENCES = 64;
/** Default tokens of a batch. */
export const DEFAULT_BENCHMARK_BATCH_TOKENS = 4096;
/** Maximum of `limit`. */
export const MAX_BENCHMARK_SEQUENCES = 1_000_000;
/** Maximum of `repeats`. */
export const MAX_REPEATS = 1_000_000;

const PARTS = ['dna', 'protein'] as const;

/** Window lengths of the published classifiers, in bases. */
export const BENCHMARK_WINDOWS = [300, 500] as const;

/** What to measure, and how. */
export interface BenchmarkOptions {
  /** Which language model: `protein` is ESM-2, `dna` DNABERT-S. */
  readonly part: (typeof PARTS)[number];
  /**
   * Measures random weights of a published size: its name in ESM2_SIZES or DNABERT_SIZES, or the part of the name that
   * gives the size, e.g. `150M`. If no model is named, defaults to `dnabert_s` for `dna`, and is required for
   * `protein`.
   */
  readonly size?: string;
  /** Name of an installed model whose part is measured. Excludes `size`. */
  readonly model?: string;
  /** Folder of the installed models. Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string;
  /**
   * Whether to open an installed model even if it was not made here; see OpenOptions.trust. Defaults to false.
   */
  readonly trust?: boolean;
  /**
   * A FASTA file to embed: proteins unchanged, or DNA, cut into windows as in a prediction. Defaults to generated
   * sequences with the lengths of windows without ambiguous letters.
   */
  readonly fasta?: string;
  /** Embeds only the first sequences, at most this many. Defaults to DEFAULT_BENCHMARK_SEQUENCES. */
  readonly limit?: number;
  /** Defaults to `auto`. */
  readonly precision?: PrecisionChoice;
  /** `cpu` or `cuda:N`. Defaults to the first usable CUDA device, else the CPU. */
  readonly device?: string;
  /** CPU threads for matrix work. Defaults to all cores that this process may use. */
  readonly threads?: number;
  /** `packed`: this project's own forward pass. `torchscript`: the archive's, for comparison. Defaults to `packed`. */
  readonly engine?: Engine;
  /** Tokens of a batch. Defaults to DEFAULT_BENCHMARK_BATCH_TOKENS; a longer sequence runs alone. */
  readonly batchTokens?: number;
  /** Bases of a window: 300 or 500. Defaults to the chunk size of the installed model, else 500. */
  readonly window?: number;
  /** Number of timed repeats. Defaults to as many as take 10 seconds, at least 3. */
  readonly repeats?: number;
  /** Called when a potentially long step begins. */
  readonly onProgress?: (progress: BenchmarkProgress) => void;
}

const BENCHMARK_OPTIONS = namesOf<BenchmarkOptions>({
  part: true,
  size: true,
  model: true,
  models: true,
  trust: true,
  fasta: true,
  limit: true,
  precision: true,
  device: true,
  threads: true,
  engine: true,
  batchTokens: true,
  window: true,
  repeats: true,
  onProgress: true,
});

export type ResolvedBenchmarkOptions = ReturnType<typeof resolveBenchmarkOptions>;

/** @throws VirnucproError VNP_ARGUMENT, VNP_USAGE */
export function resolveBenchmarkOptions(options: BenchmarkOptions) {
  checkNames(BENCHMARK_OPTIONS, options, 'benchmark');
  const { part, size, model, models, trust = false, fasta, device, window, repeats } = options;
  checkKind('trust', trust, 'true or false', isFlag);
  checkKind('size', size, 'a string', isText);
  checkKind('model', model, 'a name', isText);
  checkKind('models', models, 'the path of a folder', isText);
  checkKind('fasta', fasta, 'the path of a file', isText);
  checkKind('device', device, 'a device', isText);
  checkKind('onProgress', options.onProgress, 'a function', isFunction);
  checkChoice('precision', options.precision, PRECISIONS);
  checkChoice('engine', options.engine, ENGINES);
  // Anything other than `protein` would be measured as DNA.
  if (!PARTS.includes(part)) throw expected('VNP_ARGUMENT', PARTS.join(' or '), 'part', JSON.stringify(part));
  if (size !== undefined && model !== undefined) {
    throw expected('VNP_USAGE', 'a size or a model', 'a benchmark', 'both', 'Name one of them');
  }
  if (part === 'protein' && size === undefined && model === undefined) {
    const next = 'Name a size of ESM-2, e.g. 150M, or an installed model';
    throw expected('VNP_USAGE', 'a size or a model', 'a benchmark of ESM-2', 'neither', next);
  }
  return {
    part,
    size,
    model,
    models,
    trust,
    fasta,
    device,
    limit: whole('limit', options.limit ?? DEFAULT_BENCHMARK_SEQUENCES, MAX_BENCHMARK_SEQUENCES),
    precision: options.precision ?? DEFAULT_PRECISION,
    threads: whole('threads', options.threads ?? defaultThreads(), MAX_THREADS),
    engine: options.engine ?? ('packed' as const),
    batchTokens: whole('batchTokens', options.batchTokens ?? DEFAULT_BENCHMARK_BATCH_TOKENS, MAX_BATCH_TOKENS),
    window: window === undefined ? undefined : checkWindow(window),
    repeats: repeats === undefined ? undefined : whole('repeats', repeats, MAX_REPEATS),
    onProgress: options.onProgress ?? (() => undefined),
  };
}

function checkWindow(window: number): number {
  if ((BENCHMARK_WINDOWS as readonly number[]).includes(window)) return window;
  throw expected('VNP_ARGUMENT', BENCHMARK_WINDOWS.join(' or '), 'window', String(window));
}

/** A potentially long step of a benchmark. */
export type BenchmarkProgress =
  | {
      /** Random weights are written to a temporary archive. */
      readonly step: 'write';
      /** Size of the archive with random weights. */
      readonly bytes: number;
      /** The temporary folder that it is written to, and that is removed once the model is loaded. */
      readonly folder: string;
    }
  | {
      /** The installed model's archive is verified against its hash, since it has changed since the last time. */
      readonly step: 'check';
      /** Bytes to read. */
      readonly bytes: number;
    }
  | {
      /** The model is loaded, computes once unmeasured, and is measured. */
      readonly step: 'load' | 'warm up' | 'measure';
    };
