import type { Precision } from '../engine/addon.js';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import type { PoolEvent } from '../engine/pool/pool-events.js';
import type { ErrorCode } from '../errors.js';
import type { JournalContent } from '../journal/run-journal.js';
import type { WorkerMemory, WorkerStatus } from './run-status.js';
import type { TriageRule } from '../scoring/calls.js';
import type { FailedPart } from './batch-failures.js';

/** What a predictor reports as it happens, while it loads and runs. `event` names the kind. */
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

/** This process may use only part of its machine: see GrantedResources. */
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

/** `auto` chose FP32 although some of the devices could do better: see PrecisionChoice. */
export interface PrecisionEvent {
  readonly event: 'precision';
  readonly precision: Precision;
  /** Devices without native BF16; because of them all devices compute in FP32. */
  readonly without: readonly { readonly device: string; readonly name: string; readonly capability: string }[];
  /** Ids of the devices with native BF16. */
  readonly able: readonly string[];
  /** Ids of the devices in `without` whose tensor cores compute FP16 only. */
  readonly fp16: readonly string[];
}

/** A libtorch that the search found earlier cannot be used, so another one is. */
export interface LibtorchLeftOutEvent {
  readonly event: 'libtorch-left-out';
  /** Its folder, or the program that was asked for it. */
  readonly place: string;
  readonly reason: string;
  /** The folder of the one that is used. */
  readonly used: string;
}

/** No model was named and none is installed, so the one shipped with this program is used. */
export interface ShippedModelEvent {
  readonly event: 'shipped-model';
  readonly model: string;
  /** Path of its card, which says what it can do; null if it has none. */
  readonly card: string | null;
}

/** The devices are chosen, and loading of the model begins. */
export interface LoadingEvent {
  readonly event: 'loading';
  readonly model: string;
  /** Bases in a window; null if only embeddings are made. */
  readonly chunkSize: number | null;
  /** Ids of the workers. */
  readonly workers: readonly string[];
}

/** A second model is loaded, which reads every window first and decides those it is sure of. */
export interface TriageEvent extends TriageRule {
  readonly event: 'triage';
  /** Its name. */
  readonly model: string;
}

/** The model's large files are hashed before loading, because they are new or have changed since the last check. */
export interface CheckingEvent {
  readonly event: 'checking';
  readonly model: string;
  /** Total bytes to be read. */
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
  /** Maximum tokens in a batch of each language model; 0 for one that is not loaded. */
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
  /** Of `frames`, those in windows that triage decided. */
  readonly framesSpared: number;
  readonly framesFailed: number;
  /** Average since the run began, including the finished part of running batches. */
  readonly framesPerSecond: number;
  readonly tokensPerSecond: number;
  readonly devices: readonly {
    readonly device: string;
    readonly stage: WorkerStatus['stage'];
    /** See WorkerStatus.fraction. */
    readonly fraction: number | null;
    /** Finished fraction of the running batch, 0 to 1; its finished layers, and all its layers. 0 without one. */
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

/** Memory of one worker, in bytes: emitted with progress events, and at the end. */
export interface MemoryEvent extends WorkerMemory {
  readonly event: 'memory';
  readonly device: string;
}

/** A device has little memory left: emitted once, and again only if its use rises back after a drop. */
export interface MemoryPressureEvent {
  readonly event: 'memory-pressure';
  readonly device: string;
  readonly used: number;
  readonly total: number;
}

/** The run resumes from the journal of an earlier one. */
export interface ContinuedEvent extends JournalContent {
  readonly event: 'continued';
  /** Path of the journal. */
  readonly journal: string;
}

/** Frames that will have no score. */
export interface FailureEvent {
  readonly event: 'failure';
  readonly part: FailedPart;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly frames: number;
  /** The inputs that they come from. */
  readonly sources: readonly string[];
}

/** Frames that triage could not score: their windows go to the run's model, so no result is lost. */
export interface TriageFailureEvent extends Omit<FailureEvent, 'event'> {
  readonly event: 'triage-failure';
}
