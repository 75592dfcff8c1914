import type { Precision, WorkerMessage } from '../engine/addon.js';
import type { ErrorCode } from '../errors.js';
import type { WorkerMemory, WorkerStatus } from './run-status.js';
import type { FailedPart } from './summary.js';

/** What a predictor tells while it loads and runs, as it happens. `event` says which it is. */
export type RunEvent =
  | LoadingEvent
  | LoadingProgressEvent
  | DeviceEvent
  | WorkerMessageEvent
  | ProgressEvent
  | MemoryEvent
  | MemoryPressureEvent
  | BatchSplitEvent
  | BatchRetriedEvent
  | FailureEvent
  | DeviceLostEvent;

/** The devices are chosen, and the model begins to be loaded on them. */
export interface LoadingEvent {
  readonly event: 'loading';
  readonly model: string;
  /** Bases a window. */
  readonly chunkSize: number;
  /** Ids of the workers. */
  readonly workers: readonly string[];
}

/** At most one for every tenth of the weights. */
export interface LoadingProgressEvent {
  readonly event: 'loading-progress';
  readonly device: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** A worker is ready: what it is, and how it will compute. */
export interface DeviceEvent {
  readonly event: 'device';
  /** Id of the worker. */
  readonly device: string;
  readonly name: string;
  /** Compute capability; empty for the CPU. */
  readonly capability: string;
  readonly driver: string;
  readonly pciAddress: string;
  readonly mig: boolean;
  /** Other processes that computed on it when it was chosen. */
  readonly processes: number;
  readonly memoryTotal: number;
  readonly memoryFree: number | null;
  readonly precision: Precision;
  readonly threads: number;
  readonly weightBytes: number;
  /** The most tokens in a batch of each model. */
  readonly batchTokens: { readonly esm: number; readonly dnabert: number };
}

/** What a worker has to say on its own account. */
export interface WorkerMessageEvent {
  readonly event: 'worker-message';
  readonly device: string;
  readonly level: Extract<WorkerMessage, { kind: 'log' }>['level'];
  readonly text: string;
}

/** How far the run is, at intervals. */
export interface ProgressEvent {
  readonly event: 'progress';
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesTotal: number | null;
  /** 0 to 1. */
  readonly share: number | null;
  readonly secondsLeft: number | null;
  readonly lettersComputed: number;
  readonly records: number;
  readonly windows: number;
  readonly frames: number;
  readonly framesFailed: number;
  /** Since the run began. */
  readonly framesPerSecond: number;
  readonly tokensPerSecond: number;
  readonly devices: readonly {
    readonly device: string;
    readonly stage: WorkerStatus['stage'];
    readonly frames: number;
    readonly tokens: number;
    readonly busySeconds: number;
    readonly utilisation: number | null;
    readonly temperature: number | null;
  }[];
}

/** Memory of one worker, in bytes: at intervals with the progress, and at the end. */
export interface MemoryEvent extends WorkerMemory {
  readonly event: 'memory';
  readonly device: string;
}

/** A device has little memory left: once, and again after it was better for a while. */
export interface MemoryPressureEvent {
  readonly event: 'memory-pressure';
  readonly device: string;
  readonly used: number;
  readonly total: number;
}

/** A batch failed and is tried again in two halves. */
export interface BatchSplitEvent {
  readonly event: 'batch-split';
  readonly device: string;
  readonly frames: number;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** A batch failed and is tried once on another device. */
export interface BatchRetriedEvent {
  readonly event: 'batch-retried';
  /** Where it failed. */
  readonly device: string;
  readonly frames: number;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Frames that stay without a score. */
export interface FailureEvent {
  readonly event: 'failure';
  readonly part: FailedPart;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly frames: number;
  /** The inputs that they come from. */
  readonly sources: readonly string[];
}

/** A device stopped answering, or only fails; its work goes to the others. */
export interface DeviceLostEvent {
  readonly event: 'device-lost';
  readonly device: string;
  readonly reason: string;
  /** Ids of the devices that go on. */
  readonly left: readonly string[];
}
