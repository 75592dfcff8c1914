import { expected } from '../../errors.js';
import type { DataType, NativeDevice, Precision } from '../addon.js';

/** One worker to be: which device, under which name, with how many threads. */
export interface WorkerPlan {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … where several share the CPU. */
  readonly id: string;
  readonly device: NativeDevice;
  readonly threads: number;
}

/**
 * One worker for every GPU, and `workers` (default 1) for the CPU, which share its threads. The results do not depend on
 * it: batches are packed before anyone takes them, and a frame's score does not depend on the number of threads.
 * @param threads of all CPU workers together
 * @throws VirnucproError VNP_ARGUMENT for several workers without the CPU
 */
export function planWorkers(
  devices: readonly NativeDevice[],
  { threads, workers }: { readonly threads: number; readonly workers: number | undefined },
): WorkerPlan[] {
  const hasCpu = devices.some(({ id }) => id === 'cpu');
  if (workers !== undefined && !hasCpu) {
    const next = 'A GPU has one worker; choose the CPU by name (--device cpu) or leave `workers` out';
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

/** Nothing of a GPU's work is done by host threads but its giving out. */
function onGpu(device: NativeDevice): WorkerPlan[] {
  return [{ id: device.id, device, threads: 1 }];
}

/** What the memory of a batch depends on. */
export interface SizedModel {
  readonly architecture: { readonly width: number; readonly feedForward: number };
  readonly dtype: DataType;
  /** Of the archive. */
  readonly bytes: number;
}

/** All models that a worker and the one beside it have on a device at the same time. */
export interface SizedModels {
  readonly dna: SizedModel;
  readonly protein: SizedModel;
  /** The models of other workers, one beside each of these, which have batches of as many tokens at the same time. */
  readonly beside?: { readonly dna: SizedModel; readonly protein: SizedModel } | undefined;
}

export interface BatchTokensRequest extends SizedModels {
  readonly plans: readonly (WorkerPlan & { readonly precision: Precision })[];
  /** Bytes that one worker may take; undefined where only the device limits it. */
  readonly maxMemory: number | undefined;
}

/** Tokens of a batch of either model. */
export interface BatchTokens {
  readonly protein: number;
  readonly dna: number;
}

/** Fewer tokens would leave a device waiting for the host; with half the bytes more of them fit. */
const LEAST = { fp32: 2048, fp16: 3072, bf16: 3072 } as const;
/** More were no faster: on the CPU a batch is computed in pieces anyway, and a GPU's matrix units are full by then. */
const MAX_ON_CPU = 4096;
const MAX_ON_GPU = 16_384;
/** So that a few bytes more or less of free memory do not change the batches, and with them the last digits. */
const STEP = 1024;
/** Of the memory that the weights leave: the rest is for others, for fragments, and for an estimate that is too low. */
const MEMORY_FRACTION = 0.5;
const BYTES_OF = { float32: 4, float16: 2, bfloat16: 2, fp32: 4, fp16: 2, bf16: 2 } as const;

/**
 * Tokens of a batch of a run: as many as the memory of the devices has room for, within what is of use. All workers get the
 * same batches. Devices of one kind compute them whole, so that the results do not depend on which of them does: the one
 * with the least room decides. A kind that has less room than another does not make that one's batches smaller; it takes
 * them in parts (`tokensThatFit`), for between kinds the last digits differ anyway.
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
 * Tokens of the larger side of a batch that a worker takes at a time; Infinity where the run's batches suit it.
 * @param tokens of the run's batches, 0 for a side that is not to be taken in parts
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

/** What a device has to have free for the weights and the least batch, in bytes. */
export function leastMemory(models: SizedModels, precision: Precision): number {
  const { protein, dna } = sidesOf(models);
  // A worker computes one model after the other.
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
    const fitting = (MEMORY_FRACTION * (available - weights)) / bytesOfTokens(models, precision);
    return Math.max(LEAST[precision], Math.min(most, STEP * Math.floor(fitting / STEP)));
  };
  return { protein: tokens(protein), dna: tokens(dna) };
}

/** The models that a device computes at the same time. */
function sidesOf({ dna, protein, beside }: SizedModels): Record<keyof BatchTokens, readonly SizedModel[]> {
  return beside ? { protein: [protein, beside.protein], dna: [dna, beside.dna] } : { protein: [protein], dna: [dna] };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function weightBytes(models: readonly SizedModel[], precision: Precision): number {
  return sum(models.map(({ bytes, dtype }) => (bytes / BYTES_OF[dtype]) * BYTES_OF[precision]));
}

/**
 * What a token of each takes while it goes through a layer: the residual and its norm in float32, query, key, value,
 * attention's output and the projection in the computed type, and both sides of the feed-forward.
 */
function bytesOfTokens(models: readonly SizedModel[], precision: Precision): number {
  return sum(
    models.map(
      ({ architecture: { width, feedForward } }) =>
        width * (2 * 4 + 5 * BYTES_OF[precision]) + feedForward * 2 * BYTES_OF[precision],
    ),
  );
}
