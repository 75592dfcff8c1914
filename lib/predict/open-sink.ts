import { FrameBatcher } from '../batches/frame-batcher.js';
import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import type { BatchRecords } from '../journal/run-journal.js';
import { Dispatcher } from './dispatcher.js';
import type { SharedBatches } from './shared-batches.js';
import type { SinkOptions, WindowSink } from './window-sink.js';

/** How a run's frames reach the devices of one model. */
export interface FrameRoute {
  /** The run's share of the model's pool. */
  readonly share: PoolShare;
  /** The run's own batches. */
  readonly batches: FrameBatcherOptions;
  /** Batches together with other runs, in place of its own; without a journal. Default: its own. */
  readonly shared?: SharedBatches | undefined;
}

export function openSink(
  { share, batches, shared }: FrameRoute,
  options: SinkOptions,
  journal?: BatchRecords,
): WindowSink {
  if (shared) return shared.lane(share, options);
  return new Dispatcher(share, { ...options, batcher: new FrameBatcher(batches), journal });
}
