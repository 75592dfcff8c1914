import type { PackedTokens } from '../batches/packed-tokens.js';
import type { NativeDevice, Precision } from '../engine/addon.js';
import { packageVersion } from '../package.js';
import { largest } from './measure-speed.js';
import type { ForwardSeconds, Speed } from './measure-speed.js';
import type { ResolvedBenchmarkOptions } from './options.js';
import type { PeakMemory } from './peak-memory.js';
import type { BenchmarkReport } from './report.js';
import { spreadOf } from './spread.js';
import type { Subject } from './subject.js';

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
