import { availableParallelism } from 'node:os';
import { DEFAULT_PRECISION } from '../engine/precision.js';
import type { PrecisionChoice } from '../engine/precision.js';
import { expected } from '../errors.js';
import { checkNames, namesOf, whole } from '../option-checks.js';
import { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from './calls.js';

/** Tokens that a batch of one model holds, on every device so far. */
export const DEFAULT_BATCH_TOKENS = 4096;
/** More tokens than this in a batch fit no device. */
export const MOST_BATCH_TOKENS = 2 ** 24;
export const MOST_THREADS = 1024;

export interface OpenOptions {
  /** Name of an installed model. Defaults to the only one that is installed. */
  readonly model?: string;
  /** Folder of the installed models. Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string;
  /** Defaults to `auto`. */
  readonly precision?: PrecisionChoice;
  /** `cpu` or `cuda:N`. Defaults to every CUDA device there is, else the CPU. */
  readonly devices?: readonly string[];
  /** CPU threads for matrix work. Defaults to all cores that this process may use. */
  readonly threads?: number;
  /** `packed`: this project's own forward. `torchscript`: the archive's own, for comparison. Defaults to `packed`. */
  readonly engine?: 'packed' | 'torchscript';
  /** Tokens of a batch for ESM-2. Defaults to DEFAULT_BATCH_TOKENS; a longer sequence runs alone. */
  readonly esmBatchTokens?: number;
  /** Tokens of a batch for DNABERT. Defaults to DEFAULT_BATCH_TOKENS; a longer sequence runs alone. */
  readonly dnabertBatchTokens?: number;
}

export interface PredictOptions {
  /** A window is called virus from this virus score on, 0 to 1. Defaults to 0.5, the classic rule. */
  readonly threshold?: number;
  /** A contig is called virus when at least this share of its scored windows is, 0 to 1. Defaults to 0.5. */
  readonly minFraction?: number;
  /** Whether window results carry their letters and kept frames. Defaults to false. */
  readonly sequences?: boolean;
  /** What the input `-` reads. Defaults to the process's standard input. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
}

const OPEN_OPTIONS = namesOf<OpenOptions>({
  model: true,
  models: true,
  precision: true,
  devices: true,
  threads: true,
  engine: true,
  esmBatchTokens: true,
  dnabertBatchTokens: true,
});
const PREDICT_OPTIONS = namesOf<PredictOptions>({
  threshold: true,
  minFraction: true,
  sequences: true,
  standardInput: true,
});

function share(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw expected('VNP_ARGUMENT', 'a number from 0 to 1', name, String(value));
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveOpenOptions(options: OpenOptions) {
  checkNames(OPEN_OPTIONS, options, 'open');
  return {
    precision: options.precision ?? DEFAULT_PRECISION,
    threads: whole('threads', options.threads ?? availableParallelism(), MOST_THREADS),
    engine: options.engine ?? ('packed' as const),
    esmBatchTokens: whole('esmBatchTokens', options.esmBatchTokens ?? DEFAULT_BATCH_TOKENS, MOST_BATCH_TOKENS),
    dnabertBatchTokens: whole(
      'dnabertBatchTokens',
      options.dnabertBatchTokens ?? DEFAULT_BATCH_TOKENS,
      MOST_BATCH_TOKENS,
    ),
  };
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolvePredictOptions(options: PredictOptions) {
  checkNames(PREDICT_OPTIONS, options, 'predict');
  return {
    threshold: share('threshold', options.threshold ?? DEFAULT_THRESHOLD),
    minFraction: share('minFraction', options.minFraction ?? DEFAULT_MIN_FRACTION),
    sequences: options.sequences ?? false,
  };
}
