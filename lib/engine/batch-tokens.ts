import type { DataType, Precision } from './addon.js';
import type { WorkerPlan } from './worker-plan.js';

/** What the memory of a batch depends on. */
export interface SizedModel {
  readonly architecture: { readonly width: number; readonly feedForward: number };
  readonly dtype: DataType;
  /** Of the archive. */
  readonly bytes: number;
}

export interface BatchTokensRequest {
  readonly plans: readonly (WorkerPlan & { readonly precision: Precision })[];
  readonly dna: SizedModel;
  readonly protein: SizedModel;
  /** The models of other workers, one beside each of these, which have batches of as many tokens at the same time. */
  readonly beside?: { readonly dna: SizedModel; readonly protein: SizedModel } | undefined;
  /** Bytes that one worker may take; undefined where only the device limits it. */
  readonly maxMemory: number | undefined;
}

/** Fewer tokens would leave a device waiting for the host; with half the bytes more of them fit. */
const LEAST = { fp32: 2048, fp16: 3072, bf16: 3072 } as const;
/** More were no faster: on the CPU a batch is computed in pieces anyway, and a GPU's matrix units are full by then. */
const MOST_ON_CPU = 4096;
const MOST_ON_GPU = 16_384;
/** So that a few bytes more or less of free memory do not change the batches, and with them the last digits. */
const STEP = 1024;
/** Of the memory that the weights leave: the rest is for others, for fragments, and for an estimate that is too low. */
const SHARE = 0.5;
const BYTES_OF = { float32: 4, float16: 2, bfloat16: 2, fp32: 4, fp16: 2, bf16: 2 } as const;

/**
 * Tokens of a batch that suit every worker: as many as their memory has room for, within what is of use. All workers have
 * the same, so that batches, and with them the results, do not depend on who computes them.
 */
export function defaultBatchTokens({ plans, dna, protein, beside, maxMemory }: BatchTokensRequest): {
  esm: number;
  dnabert: number;
} {
  const all = beside ? [dna, protein, beside.dna, beside.protein] : [dna, protein];
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  const largest = (models: readonly SizedModel[]): number =>
    Math.min(
      ...plans.map(({ device, precision }) => {
        const sharing = plans.filter((other) => other.device.id === device.id).length;
        const weights = sum(all.map((model) => weightBytes(model, precision)));
        const ofToken = sum(models.map((model) => bytesOfToken(model, precision)));
        const available = Math.min(maxMemory ?? Infinity, (device.memoryFree ?? device.memoryTotal) / sharing);
        const fitting = (SHARE * (available - weights)) / ofToken;
        const most = device.id === 'cpu' ? MOST_ON_CPU : MOST_ON_GPU;
        return Math.max(LEAST[precision], Math.min(most, STEP * Math.floor(fitting / STEP)));
      }),
    );
  return {
    esm: largest(beside ? [protein, beside.protein] : [protein]),
    dnabert: largest(beside ? [dna, beside.dna] : [dna]),
  };
}

function weightBytes({ bytes, dtype }: SizedModel, precision: Precision): number {
  return (bytes / BYTES_OF[dtype]) * BYTES_OF[precision];
}

/**
 * What a token takes while it goes through a layer: the residual and its norm in float32, query, key, value, attention's
 * output and the projection in the computed type, and both sides of the feed-forward.
 */
function bytesOfToken({ architecture: { width, feedForward } }: SizedModel, precision: Precision): number {
  return width * (2 * 4 + 5 * BYTES_OF[precision]) + feedForward * 2 * BYTES_OF[precision];
}
