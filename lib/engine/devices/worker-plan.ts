import { expected } from '../../errors.js';
import type { DataType, NativeDevice, Precision } from '../addon.js';

/** A worker to open. */
export interface WorkerPlan {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … if several share the CPU. */
  readonly id: string;
  readonly device: NativeDevice;
  readonly threads: number;
}

/**
 * One worker for every GPU, and `workers` (default 1) for the CPU, which share its threads. Results do not depend on
 * the plan: batches are packed before a worker takes them, and scores do not depend on the number of threads.
 * @param threads number of threads of all CPU workers together
 * @throws VirnucproError VNP_ARGUMENT for several workers without the CPU
 */
export function planWorkers(
  devices: readonly NativeDevice[],
  { threads, workers }: { readonly threads: number; readonly workers: number | undefined },
): WorkerPlan[] {
  const hasCpu = devices.some(({ id }) => id === 'cpu');
  if (workers !== undefined && !hasCpu) {
    const next = "A GPU has one worker; choose the CPU by name (`devices: 'cpu'`) or leave out `workers`";
    throw expected(
      'VNP_ARGUMENT',
      'the CPU among the devices',
      'workers',
      devices.map(({ id }) => id).join(', '),
      next,
    );
  }
  return devices.flatMap((device) => (device.id === 'cpu' ? onCpu(device, threads, workers ?? 1) : onGpu(device)));
}

function onCpu(device: NativeDevice, threads: number, workers: number): WorkerPlan[] {
  const threadsOfEach = Math.max(1, Math.floor(threads / workers));
  return Array.from({ length: workers }, (_, index) => ({
    id: workers === 1 ? device.id : `${device.id}:${index}`,
    device,
    threads: threadsOfEach,
  }));
}

/** One thread suffices: for a GPU, host threads only submit the work. */
function onGpu(device: NativeDevice): WorkerPlan[] {
  return [{ id: device.id, device, threads: 1 }];
}

/** The properties of a model that the memory of a batch depends on. */
export interface SizedModel {
  readonly architecture: { readonly width: number; readonly feedForward: number };
  readonly dtype: DataType;
  /** Size of the archive. */
  readonly bytes: number;
}

/** All models that a worker and the one beside it keep on a device at the same time. */
export interface SizedModels {
  /** This or the other is left out where only one language model is loaded. */
  readonly dna?: SizedModel | undefined;
  readonly protein?: SizedModel | undefined;
  /** Models of a second worker beside each of these, which runs equally large batches at the same time. */
  readonly beside?: { readonly dna: SizedModel; readonly protein: SizedModel } | undefined;
}

export interface BatchTokensRequest extends SizedModels {
  readonly plans: readonly (WorkerPlan & { readonly precision: Precision })[];
  /** Bytes that one worker may take; undefined if only the device limits it. */
  readonly maxMemory: number | undefined;
}

/** Tokens of a batch, for either model. */
export interface BatchTokens {
  readonly protein: number;
  readonly dna: number;
}

/** With fewer tokens a device would wait for the host. At half the bytes a value, more tokens fit. */
const LEAST = { fp32: 2048, fp16: 3072, bf16: 3072 } as const;
/** Larger batches were no faster: a CPU computes them in pieces anyway, and these fill a GPU's matrix units. */
const MAX_ON_CPU = 4096;
const MAX_ON_GPU = 16_384;
/** Keeps a few bytes more or less of free memory from changing the batches, and with them the last digits. */
const STEP = 1024;
/** Of the memory that the weights leave. The rest covers other processes, fragmentation and too low an estimate. */
const MEMORY_FRACTION = 0.5;
const BYTES_OF = { float32: 4, float16: 2, bfloat16: 2, fp32: 4, fp16: 2, bf16: 2 } as const;

/**
 * Tokens of a run's batches: as many as fit the devices' memory, within useful limits. All workers get the same
 * batches. Devices of one kind compute them whole, so that results do not depend on which of them does: the one with
 * the least room decides. A kind with less room than another does not make the batches smaller, but takes them in parts
 * (`tokensThatFit`): between kinds the last digits differ anyway.
 */
export function defaultBatchTokens(request: BatchTokensRequest): BatchTokens {
  const kinds = new Map<string, BatchTokens>();
  for (const plan of request.plans) {
    const { name, capability } = plan.device;
    const kind = `${name} ${capability}`;
    const own = roomOf(plan, request);
    const others = kinds.get(kind) ?? own;
    kinds.set(kind, { protein: Math.min(own.protein, others.protein), dna: Math.min(own.dna, others.dna) });
  }
  const rooms = [...kinds.values()];
  return { protein: Math.max(...rooms.map(({ protein }) => protein)), dna: Math.max(...rooms.map(({ dna }) => dna)) };
}

/**
 * Maximum tokens on the larger side of a batch that a worker takes at once; Infinity if the run's batches fit.
 * @param tokens tokens of the run's batches; 0 for a side that is not to be taken in parts
 */
export function tokensThatFit(
  plan: BatchTokensRequest['plans'][number],
  request: BatchTokensRequest,
  tokens: BatchTokens,
): number {
  const room = roomOf(plan, request);
  const sides = (['protein', 'dna'] as const).filter((side) => room[side] < tokens[side]);
  return Math.min(Infinity, ...sides.map((side) => room[side]));
}

/** Bytes that a device must have free for the weights and the smallest batch. */
export function leastMemory(models: SizedModels, precision: Precision): number {
  const { protein, dna } = sidesOf(models);
  // The larger, not the sum: a worker computes one model after the other.
  const ofToken = Math.max(bytesOfTokens(protein, precision), bytesOfTokens(dna, precision));
  return weightBytes([...protein, ...dna], precision) + LEAST[precision] * ofToken;
}

function roomOf({ device, precision }: BatchTokensRequest['plans'][number], request: BatchTokensRequest): BatchTokens {
  const { plans, maxMemory } = request;
  const { protein, dna } = sidesOf(request);
  const sharing = plans.filter((other) => other.device.id === device.id).length;
  const weights = weightBytes([...protein, ...dna], precision);
  const available = Math.min(maxMemory ?? Infinity, (device.memoryFree ?? device.memoryTotal) / sharing);
  const most = device.id === 'cpu' ? MAX_ON_CPU : MAX_ON_GPU;
  const tokens = (models: readonly SizedModel[]): number => {
    if (models.length === 0) return most;
    const fitting = (MEMORY_FRACTION * (available - weights)) / bytesOfTokens(models, precision);
    return Math.max(LEAST[precision], Math.min(most, STEP * Math.floor(fitting / STEP)));
  };
  return { protein: tokens(protein), dna: tokens(dna) };
}

/** The models that a device computes at the same time. */
function sidesOf({ dna, protein, beside }: SizedModels): Record<keyof BatchTokens, readonly SizedModel[]> {
  const both = (...models: readonly (SizedModel | undefined)[]): SizedModel[] =>
    models.filter((one) => one !== undefined);
  return { protein: both(protein, beside?.protein), dna: both(dna, beside?.dna) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function weightBytes(models: readonly SizedModel[], precision: Precision): number {
  return sum(models.map(({ bytes, dtype }) => (bytes / BYTES_OF[dtype]) * BYTES_OF[precision]));
}

/**
 * Bytes that one token takes in a layer, summed over the models: the residual and its norm in float32; query, key,
 * value, attention's output and the projection in the computed type; both sides of the feed-forward.
 */
function bytesOfTokens(models: readonly SizedModel[], precision: Precision): number {
  return sum(
    models.map(
      ({ architecture: { width, feedForward } }) =>
        width * (2 * 4 + 5 * BYTES_OF[precision]) + feedForward * 2 * BYTES_OF[precision],
    ),
  );
}
