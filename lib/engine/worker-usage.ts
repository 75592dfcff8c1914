import type { BatchResult, FrameBatchTokens, NativeDevice, Precision } from './addon.js';
import type { LinearLimit } from './linear-limit.js';

/** One opened worker. */
export interface WorkerDescription {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … where several share the CPU; `triage:` before it for one of triage. */
  readonly id: string;
  readonly device: NativeDevice;
  readonly precision: Precision;
  readonly threads: number;
  /** Bytes that the weights take on the device. */
  readonly weightBytes: number;
}

/** What one worker has done in one run. */
export interface WorkerUsage extends WorkerDescription {
  batches: number;
  frames: number;
  dnaTokens: number;
  proteinTokens: number;
  /** Seconds on the device's thread. */
  seconds: { dna: number; protein: number; classifier: number };
  /** Why it was taken out of the run; undefined as long as it was not. */
  lost: string | undefined;
  /** See `measureLimits`. */
  limit?: LinearLimit;
}

export function unused({ id, device, precision, threads, weightBytes }: WorkerDescription): WorkerUsage {
  return {
    ...{ id, device, precision, threads, weightBytes },
    ...{ batches: 0, frames: 0, dnaTokens: 0, proteinTokens: 0, lost: undefined },
    seconds: { dna: 0, protein: 0, classifier: 0 },
  };
}

export function countBatch(usage: WorkerUsage, batch: FrameBatchTokens, result: BatchResult): void {
  usage.batches++;
  usage.frames += batch.dna.offsets.length - 1;
  usage.dnaTokens += batch.dna.tokens.length;
  usage.proteinTokens += batch.protein.tokens.length;
  for (const part of ['dna', 'protein', 'classifier'] as const) usage.seconds[part] += result.seconds[part];
}
