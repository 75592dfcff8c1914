import type { Engine, NativeDevice, Precision } from '../engine/addon.js';
import { packageVersion } from '../package.js';
import { largest } from './measurements.js';
import type { ForwardSeconds, PeakMemory, Speed } from './measurements.js';
import type { ResolvedBenchmarkOptions } from './benchmark-options.js';
import type { Subject } from './subject.js';
import type { PackedTokens } from '../batches/tokens.js';

/**
 * The results of a benchmark, as `virnucpro bench --json` prints them. The fields are a promise: each keeps its name
 * and meaning across releases. BENCHMARK_FIELDS documents them. Nullable fields other than `card` are null with the
 * TorchScript engine, whose linear layers cannot be measured alone.
 */
export interface BenchmarkReport {
  readonly model: string;
  readonly card: string | null;
  readonly part: 'dna' | 'protein';
  readonly random_weights: boolean;
  readonly engine: Engine;
  readonly precision: Precision;
  readonly device: string;
  readonly device_name: string;
  readonly threads: number;
  readonly virnucpro: string;
  readonly libtorch: string;

  readonly input: string;
  readonly sequences: number;
  readonly tokens: number;
  readonly batches: number;
  readonly batch_tokens: number;
  readonly repeats: number;
  readonly passes: number;

  readonly tokens_per_second: number;
  readonly tokens_per_second_min: number;
  readonly tokens_per_second_max: number;
  readonly sequences_per_second: number;
  readonly sequences_per_second_min: number;
  readonly sequences_per_second_max: number;

  readonly matmul_efficiency: number | null;
  readonly matmul_efficiency_min: number | null;
  readonly matmul_efficiency_max: number | null;
  readonly limit_gflops: number | null;
  readonly limit_gflops_min: number | null;
  readonly limit_gflops_max: number | null;
  readonly limit_tokens_per_second: number | null;
  readonly operations_per_token: number | null;

  readonly forward_tokens: number | null;
  readonly forward_seconds: number | null;
  readonly linear_seconds: number | null;
  readonly attention_seconds: number | null;
  readonly rest_seconds: number | null;

  readonly weight_bytes: number;
  readonly loaded_memory_bytes: number;
  readonly peak_memory_bytes: number;
  readonly peak_over_weights_bytes: number;
  readonly peak_includes_loading: boolean;
}

/** What a field of the report says. */
export interface BenchmarkField {
  /** In Markdown. */
  readonly meaning: string;
  /** Empty if it has none. */
  readonly unit: string;
}

const field = (meaning: string, unit = ''): BenchmarkField => ({ meaning, unit });

/** The meaning of every field of the report, in its order. */
export const BENCHMARK_FIELDS: Readonly<Record<keyof BenchmarkReport, BenchmarkField>> = {
  model: field('Name of the published size, or of the installed model'),
  card: field('Path of the model card; null if there is none'),
  part: field('`protein` (ESM-2) or `dna` (DNABERT-S)'),
  random_weights: field('Whether the weights are random'),
  engine: field('`packed` or `torchscript`'),
  precision: field('Precision of the computation: `fp32`, `bf16` or `fp16`'),
  device: field('`cpu`, `cuda:0` …'),
  device_name: field('Name that the hardware reports'),
  threads: field('CPU threads for matrix products'),
  virnucpro: field('Version of this program'),
  libtorch: field('Version of libtorch'),
  input: field('The FASTA file, or `generated`'),
  sequences: field('Embedded sequences', 'sequences'),
  tokens: field('Tokens of all sequences, including those at their start and end', 'tokens'),
  batches: field('Number of batches', 'batches'),
  batch_tokens: field('Maximum tokens in a batch; a longer sequence runs alone', 'tokens'),
  repeats: field('Number of measurements; medians, `_min` and `_max` are taken over these', 'repeats'),
  passes: field('How often each measurement embedded all sequences', 'passes'),
  tokens_per_second: field('Median speed, with batches one after another as in a prediction', 'tokens/s'),
  tokens_per_second_min: field('The slowest measurement', 'tokens/s'),
  tokens_per_second_max: field('The fastest measurement', 'tokens/s'),
  sequences_per_second: field('Median speed in sequences', 'sequences/s'),
  sequences_per_second_min: field('The slowest measurement', 'sequences/s'),
  sequences_per_second_max: field('The fastest measurement', 'sequences/s'),
  matmul_efficiency: field(
    'Median of speed divided by the limit, measured alternately. At 1 everything but the matrix products would cost ' +
      'nothing',
    'fraction',
  ),
  matmul_efficiency_min: field('The smallest', 'fraction'),
  matmul_efficiency_max: field('The largest', 'fraction'),
  limit_gflops: field(
    "The limit: median speed of the matrix products of this model's linear layers alone, with one row for each token of " +
      'the largest batch, in this process and precision',
    '10^9 operations/s',
  ),
  limit_gflops_min: field('The smallest', '10^9 operations/s'),
  limit_gflops_max: field('The largest', '10^9 operations/s'),
  limit_tokens_per_second: field('Median limit in tokens', 'tokens/s'),
  operations_per_token: field('Multiplications and additions in the linear layers for one token', 'operations'),
  forward_tokens: field('Tokens of the batch whose parts were timed, the largest one', 'tokens'),
  forward_seconds: field('One forward pass of that batch', 'seconds'),
  linear_seconds: field('Part of it spent in linear layers, with everything fused into them', 'seconds'),
  attention_seconds: field('Part of it spent in attention', 'seconds'),
  rest_seconds: field('The rest: embedding, norms, pooling', 'seconds'),
  weight_bytes: field('Memory of the weights on the device', 'bytes'),
  loaded_memory_bytes: field(
    'Memory with the model loaded, before the first batch: on the CPU the resident memory of the process, on a GPU the ' +
      'increase that the device reports since before loading',
    'bytes',
  ),
  peak_memory_bytes: field(
    'Peak of that memory from then on, while all sequences were embedded once, before any limit was measured',
    'bytes',
  ),
  peak_over_weights_bytes: field('`peak_memory_bytes` minus `weight_bytes`', 'bytes'),
  peak_includes_loading: field(
    'Whether the peak may be that of loading, because the system cannot reset the peak of a process',
  ),
};

/** The part of a benchmark that is known before a model is loaded. */
export interface Plan {
  readonly options: ResolvedBenchmarkOptions;
  readonly subject: Subject;
  readonly device: NativeDevice;
  readonly precision: Precision;
  readonly batches: readonly PackedTokens[];
  readonly sequences: number;
}

/** What is measured with the model. */
export interface Measured {
  readonly weightBytes: number;
  readonly memory: PeakMemory;
  readonly speed: Speed;
  readonly forward: ForwardSeconds | undefined;
}

/** @param libtorch version of libtorch */
export function reportOf(plan: Plan, measured: Measured, libtorch: string): BenchmarkReport {
  const { options, subject, device, precision, batches } = plan;
  const { weightBytes, memory, speed, forward } = measured;
  return {
    model: subject.name,
    card: subject.card,
    part: subject.part,
    random_weights: subject.random,
    engine: options.engine,
    precision,
    device: device.id,
    device_name: device.name,
    threads: options.threads,
    virnucpro: packageVersion,
    libtorch,
    input: options.fasta ?? 'generated',
    sequences: plan.sequences,
    tokens: tokensOf(batches),
    batches: batches.length,
    batch_tokens: options.batchTokens,
    repeats: speed.samples.length,
    passes: speed.passes,
    ...speedFields(speed, plan.sequences / tokensOf(batches)),
    ...limitFields(speed),
    ...forwardFields(forward, largest(batches).tokens.length),
    weight_bytes: weightBytes,
    loaded_memory_bytes: memory.loaded,
    peak_memory_bytes: memory.peak,
    peak_over_weights_bytes: memory.peak - weightBytes,
    peak_includes_loading: memory.includesLoading,
  };
}

function tokensOf(batches: readonly PackedTokens[]): number {
  return batches.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function speedFields({ samples }: Speed, sequencesPerToken: number) {
  const { median, least, most } = spreadOf(samples.map(({ tokensPerSecond }) => tokensPerSecond));
  return {
    tokens_per_second: median,
    tokens_per_second_min: least,
    tokens_per_second_max: most,
    sequences_per_second: median * sequencesPerToken,
    sequences_per_second_min: least * sequencesPerToken,
    sequences_per_second_max: most * sequencesPerToken,
  };
}

function limitFields({ samples, operationsPerToken }: Speed) {
  const limits = samples.flatMap(({ limit }) => limit ?? []);
  const known = operationsPerToken !== undefined && limits.length > 0;
  const gflops = known ? spreadOf(limits.map((limit) => limit / 1e9)) : undefined;
  const shares = known
    ? spreadOf(samples.map(({ tokensPerSecond, limit }) => (tokensPerSecond * operationsPerToken) / limit!))
    : undefined;
  return {
    matmul_efficiency: shares?.median ?? null,
    matmul_efficiency_min: shares?.least ?? null,
    matmul_efficiency_max: shares?.most ?? null,
    limit_gflops: gflops?.median ?? null,
    limit_gflops_min: gflops?.least ?? null,
    limit_gflops_max: gflops?.most ?? null,
    limit_tokens_per_second: gflops ? (gflops.median * 1e9) / operationsPerToken! : null,
    operations_per_token: operationsPerToken ?? null,
  };
}

function forwardFields(forward: ForwardSeconds | undefined, tokens: number) {
  return {
    forward_tokens: forward ? tokens : null,
    forward_seconds: forward?.total ?? null,
    linear_seconds: forward?.linear ?? null,
    attention_seconds: forward?.attention ?? null,
    rest_seconds: forward ? forward.total - forward.linear - forward.attention : null,
  };
}

/** Median and range of repeated measurements. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}
