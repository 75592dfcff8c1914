import type { Precision } from '../engine/addon.js';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import type { PoolEvent } from '../engine/pool/pool-events.js';
import type { ErrorCode } from '../errors.js';
import type { JournalContent } from '../journal/run-journal.js';
import type { WorkerMemory, WorkerStatus } from './run-status.js';
import type { TriageRule } from '../scoring/calls.js';
import type { FailedPart } from './batch-failures.js';

/** What a predictor tells while it loads and runs, as it happens. `event` says which it is. */
export type RunEvent =
  | GrantEvent
  | PrecisionEvent
  | LibtorchLeftOutEvent
  | ShippedModelEvent
  | LoadingEvent
  | TriageEvent
  | CheckingEvent
  | DeviceEvent
  | ProgressEvent
  | MemoryEvent
  | MemoryPressureEvent
  | ContinuedEvent
  | FailureEvent
  | TriageFailureEvent
  | PoolEvent;

/** This process may use a part of its machine only: see GrantedResources. */
export interface GrantEvent {
  readonly event: 'grant';
  readonly cores: number;
  readonly machineCores: number;
  /** Bytes. */
  readonly memory: number;
  readonly machineMemory: number;
  /** The same in words, with what sets the limits. */
  readonly text: string;
}

/** The run computes in FP32, by itself, though a device of it could do better: see PrecisionChoice. */
export interface PrecisionEvent {
  readonly event: 'precision';
  readonly precision: Precision;
  /** Those that compute no BF16 natively; for them all compute in FP32. */
  readonly without: readonly { readonly device: string; readonly name: string; readonly capability: string }[];
  /** Ids of those that do. */
  readonly able: readonly string[];
  /** Ids of those whose tensor cores compute FP16 only. */
  readonly fp16: readonly string[];
}

/** A libtorch that the search came upon first cannot be used; another one is. */
export interface LibtorchLeftOutEvent {
  readonly event: 'libtorch-left-out';
  /** The folder, or the program that was asked for it. */
  readonly place: string;
  readonly reason: string;
  /** The folder of the one that is used. */
  readonly used: string;
}

/** No model was named and none is installed: the one that came with this program is used. */
export interface ShippedModelEvent {
  readonly event: 'shipped-model';
  readonly model: string;
  /** Path of its card, which says what it can do; null where it has none. */
  readonly card: string | null;
}

/** The devices are chosen, and the model begins to be loaded on them. */
export interface LoadingEvent {
  readonly event: 'loading';
  readonly model: string;
  /** Bases a window. */
  readonly chunkSize: number;
  /** Ids of the workers. */
  readonly workers: readonly string[];
}

/** A second model is loaded to read every window first, and decides those that it is sure of. */
export interface TriageEvent extends TriageRule {
  readonly event: 'triage';
  /** Its name. */
  readonly model: string;
}

/** The model's files are compared with their hashes before they are loaded, for they were not since they changed. */
export interface CheckingEvent {
  readonly event: 'checking';
  readonly model: string;
  /** To read. */
  readonly bytes: number;
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
  readonly batchTokens: BatchTokens;
}

/** How far the run is, at intervals. */
export interface ProgressEvent {
  readonly event: 'progress';
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesTotal: number | null;
  /** 0 to 1. */
  readonly fraction: number | null;
  readonly secondsLeft: number | null;
  readonly lettersComputed: number;
  readonly records: number;
  readonly windows: number;
  readonly frames: number;
  /** Of these, those of windows that triage has decided. */
  readonly framesSpared: number;
  readonly framesFailed: number;
  /** Since the run began, with what is done of the batches that run. */
  readonly framesPerSecond: number;
  readonly tokensPerSecond: number;
  readonly devices: readonly {
    readonly device: string;
    readonly stage: WorkerStatus['stage'];
    /** See WorkerStatus.fraction. */
    readonly fraction: number | null;
    /** What is done of the batch that runs, 0 to 1; its layers that are done, and all of them. 0 without one. */
    readonly batchFraction: number;
    readonly layersDone: number;
    readonly layers: number;
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

/** The run goes on from the journal of an earlier one. */
export interface ContinuedEvent extends JournalContent {
  readonly event: 'continued';
  /** Path of the journal. */
  readonly journal: string;
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

/** Frames that triage could not score: their windows go to the model of the run, and no result is missing because of it. */
export interface TriageFailureEvent extends Omit<FailureEvent, 'event'> {
  readonly event: 'triage-failure';
}
