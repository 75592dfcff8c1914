import type { NativeDevice, Precision } from '../addon.js';
import type { BatchWork, ComputeSeconds } from './batch-work.js';
import type { LinearLimit } from './linear-limit.js';

/** One opened worker. */
export interface WorkerDescription {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … if several share the CPU; with the prefix `triage:` for a triage worker. */
  readonly id: string;
  readonly device: NativeDevice;
  readonly precision: Precision;
  readonly threads: number;
  /** Bytes that the weights take on the device. */
  readonly weightBytes: number;
}

/** What one worker has done for one client of the pool, such as a run. */
export interface WorkerUsage extends WorkerDescription {
  batches: number;
  /** Sequences, where there are no frames. */
  frames: number;
  dnaTokens: number;
  proteinTokens: number;
  /** Seconds on the device's thread. */
  seconds: { dna: number; protein: number; classifier: number };
  /** Why it was removed from the pool; undefined if it was not. */
  lost: string | undefined;
  /** See `measureLimits`. */
  limit?: LinearLimit;
}

export function unused({ id, device, precision, threads, weightBytes }: WorkerDescription): WorkerUsage {
  return {
    id,
    device,
    precision,
    threads,
    weightBytes,
    batches: 0,
    frames: 0,
    dnaTokens: 0,
    proteinTokens: 0,
    lost: undefined,
    seconds: { dna: 0, protein: 0, classifier: 0 },
  };
}

export type CountedWork = Pick<BatchWork<unknown>, 'sequences' | 'tokens'>;

/** @param seconds as in ComputedSequences */
export function countTask(
  usage: WorkerUsage,
  { sequences, tokens }: CountedWork,
  seconds: ComputeSeconds | number,
): void {
  usage.batches++;
  usage.frames += sequences;
  usage.dnaTokens += tokens.dna;
  usage.proteinTokens += tokens.protein;
  const { dna, protein, classifier } = typeof seconds === 'number' ? divided(seconds, tokens) : seconds;
  usage.seconds.dna += dna;
  usage.seconds.protein += protein;
  usage.seconds.classifier += classifier;
}

/** By tokens: only work with one of the models alone comes without the time of each. */
function divided(seconds: number, { dna, protein }: BatchWork<unknown>['tokens']): ComputeSeconds {
  const all = Math.max(1, dna + protein);
  return { dna: (seconds * dna) / all, protein: (seconds * protein) / all, classifier: 0 };
}
