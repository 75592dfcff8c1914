import type { NativeDevice, Precision } from '../engine/addon.js';
import { packageVersion } from '../package.js';
import { largest } from './measurements.js';
import type { ForwardSeconds, PeakMemory, Speed } from './measurements.js';
import type { ResolvedBenchmarkOptions } from './benchmark-options.js';
import type { Subject } from './subject.js';
import type { PackedTokens } from '../batches/tokens.js';

/**
 * What a benchmark found, as `virnucpro bench --json` prints it. The fields are a promise: one keeps its name and its
 * meaning between releases. BENCHMARK_FIELDS says what each means. But for `card`, what can be null is so with the
 * TorchScript engine, whose linear layers cannot be measured alone.
 */
export interface BenchmarkReport {
  readonly model: string;
  readonly card: string | null;
  readonly part: 'dna' | 'protein';
  readonly random_weights: boolean;
  readonly engine: 'packed' | 'torchscript';
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

export interface BenchmarkField {
  readonly meaning: string;
  readonly unit: string;
}

const field = (meaning: string, unit = ''): BenchmarkField => ({ meaning, unit });

/** What every field of the report means, in its order. */
export const BENCHMARK_FIELDS: Readonly<Record<keyof BenchmarkReport, BenchmarkField>> = {
  model: field('Name of the published size, or of the installed model'),
  card: field('Path of the card of that model; null without one'),
  part: field('`protein` (ESM-2) or `dna` (DNABERT-S)'),
  random_weights: field('Whether the weights are random'),
  engine: field('`packed` or `torchscript`'),
  precision: field('What was computed in: `fp32`, `bf16` or `fp16`'),
  device: field('`cpu`, `cuda:0` …'),
  device_name: field('The name that the hardware gives itself'),
  threads: field('CPU threads for matrix work'),
  virnucpro: field('Version of this program'),
  libtorch: field('Version of libtorch'),
  input: field('The FASTA file, or `generated`'),
  sequences: field('Sequences that were embedded', 'sequences'),
  tokens: field('Their tokens, those at the start and end of a sequence included', 'tokens'),
  batches: field('Batches that they were embedded in', 'batches'),
  batch_tokens: field('The most tokens in a batch; a longer sequence runs alone', 'tokens'),
  repeats: field('How often the speed was measured; medians, `_min` and `_max` are of these', 'repeats'),
  passes: field('How often each repeat embedded all sequences', 'passes'),
  tokens_per_second: field('Median speed, batches one after another as in a prediction', 'tokens/s'),
  tokens_per_second_min: field('The slowest repeat', 'tokens/s'),
  tokens_per_second_max: field('The fastest repeat', 'tokens/s'),
  sequences_per_second: field('Median speed in sequences', 'sequences/s'),
  sequences_per_second_min: field('The slowest repeat', 'sequences/s'),
  sequences_per_second_max: field('The fastest repeat', 'sequences/s'),
  matmul_efficiency: field(
    'Median over the repeats: speed over the limit, which is measured in turn with it. At 1 everything but the matrix ' +
      'products would cost nothing',
    'share',
  ),
  matmul_efficiency_min: field('The smallest', 'share'),
  matmul_efficiency_max: field('The largest', 'share'),
  limit_gflops: field(
    "The limit: median speed of the matrix products of this model's linear layers alone, on as many rows as the largest " +
      'batch has tokens, in this process and precision',
    '10^9 operations/s',
  ),
  limit_gflops_min: field('The smallest', '10^9 operations/s'),
  limit_gflops_max: field('The largest', '10^9 operations/s'),
  limit_tokens_per_second: field('The median limit in tokens', 'tokens/s'),
  operations_per_token: field('Multiplications and additions of the linear layers for one token', 'operations'),
  forward_tokens: field('Tokens of the batch whose parts were timed: the largest', 'tokens'),
  forward_seconds: field('One forward of that batch', 'seconds'),
  linear_seconds: field('What of it went to linear layers, with all that is fused into them', 'seconds'),
  attention_seconds: field('What of it went to attention', 'seconds'),
  rest_seconds: field('What is left: embedding, norms, pooling', 'seconds'),
  weight_bytes: field('What the weights take on the device', 'bytes'),
  loaded_memory_bytes: field(
    'Memory when the model was loaded, before the first batch: on the CPU all resident memory of the process, on a GPU ' +
      'what the device reports as used more than before loading',
    'bytes',
  ),
  peak_memory_bytes: field(
    'The most of that memory, from then on, while all sequences were embedded once, before any limit was measured',
    'bytes',
  ),
  peak_over_weights_bytes: field('`peak_memory_bytes` less `weight_bytes`', 'bytes'),
  peak_includes_loading: field(
    'Whether the peak may be that of loading, since the system does not let a process forget its peak',
  ),
};

/** What of a benchmark is known before a model is loaded. */
export interface Plan {
  readonly options: ResolvedBenchmarkOptions;
  readonly subject: Subject;
  readonly device: NativeDevice;
  readonly precision: Precision;
  readonly batches: readonly PackedTokens[];
  readonly sequences: number;
}

/** What was measured then. */
export interface Measured {
  readonly weightBytes: number;
  readonly memory: PeakMemory;
  readonly speed: Speed;
  readonly forward: ForwardSeconds | undefined;
}

/** @param libtorch its version */
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

/** What repeats of a measurement gave. */
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
