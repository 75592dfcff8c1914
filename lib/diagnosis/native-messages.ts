import type { CudaState } from '../engine/libtorch/load.js';
import type { LibtorchCandidate } from '../engine/libtorch/find-libtorch.js';
import type { NativeDevice, OpenRequest, Precision } from '../engine/addon.js';

/** What the native child answers, over its channel to the doctor. */

/** To `load`: that the addon works so far as to list the devices. */
export interface LoadedMessage {
  readonly kind: 'loaded';
  readonly addon: string;
  readonly compiledAgainst: string;
  readonly libtorch: string;
  /** The folder that it was loaded from. */
  readonly libtorchRoot: string;
  /** What was come upon before and could not be used. */
  readonly passedOver: readonly LibtorchCandidate[];
  readonly cuda: CudaState;
  readonly devices: readonly NativeDevice[];
}

/** To `known-answer DEVICE FOLDER PRECISION...`: one for every run that ended well. */
export interface KnownRunMessage {
  readonly kind: 'run';
  readonly engine: OpenRequest['engine'];
  readonly precision: Precision;
  /** [frames, 2] */
  readonly scores: readonly number[];
  /** [frames, dna width + protein width] */
  readonly embeddings: readonly number[];
}

/** The first failure that was an error and not a crash; nothing comes after it. */
export interface FailureMessage {
  readonly kind: 'failure';
  /** While doing what, e.g. `the packed engine in fp32`. */
  readonly during: string;
  readonly message: string;
}

export type NativeMessage = LoadedMessage | KnownRunMessage | FailureMessage;
