/** The entry `virnucpro/benchmark`: how fast a language model runs on a device, compared with the device's limits. */
import './supported-node.js';

export { benchmark } from './benchmark/run-benchmark.js';
export {
  BENCHMARK_WINDOWS,
  DEFAULT_BENCHMARK_BATCH_TOKENS,
  DEFAULT_BENCHMARK_SEQUENCES,
  MAX_BENCHMARK_SEQUENCES,
  MAX_REPEATS,
} from './benchmark/benchmark-options.js';
export type { BenchmarkOptions, BenchmarkProgress } from './benchmark/benchmark-options.js';
export { BENCHMARK_FIELDS } from './benchmark/report.js';
export type { BenchmarkField, BenchmarkReport } from './benchmark/report.js';
export { matmulEfficiency } from './engine/pool/linear-limit.js';
