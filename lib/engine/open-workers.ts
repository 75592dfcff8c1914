import { setMaxListeners } from 'node:events';
import { unlessAborted } from '../unless-aborted.js';
import type { Addon, NativeDevice, NativeWorker, OpenRequest, WorkerMessage } from './addon.js';
import { asVirnucproError } from './native-error.js';
import type { PoolEvent } from './pool-events.js';
import { PoolWorker } from './pool-worker.js';

/** One worker to open. */
export interface WorkerRequest extends Omit<OpenRequest, 'device' | 'onMessage' | 'signal'> {
  /** The worker's own name: see WorkerDescription. */
  readonly id: string;
  readonly device: NativeDevice;
}

export interface OpenPoolOptions {
  /** Called for every event, also while the pool is being opened. Must not throw. */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Ends the opening at once. What a thread is at is finished first, and nobody waits for it. */
  readonly signal?: AbortSignal;
}

const LOADING_STEPS = 5;

/**
 * Opens all workers at the same time, or none: when one fails, those that opened are closed again.
 * @throws VirnucproError of the first that failed; the signal's reason
 */
export async function openWorkers(
  addon: Addon,
  requests: readonly WorkerRequest[],
  { onEvent, signal }: OpenPoolOptions,
): Promise<PoolWorker[]> {
  const loading = new AbortController();
  // One for each worker, however many there are.
  setMaxListeners(0, loading.signal);
  const opening = Promise.allSettled(
    requests.map(({ id, device, ...request }) =>
      addon.openWorker({
        ...request,
        device: device.id,
        ...(onEvent && { onMessage: messageListener(id, onEvent) }),
        signal: loading.signal,
      }),
    ),
  );
  const opened = await unlessAborted(opening, signal).catch((reason: unknown) => {
    loading.abort();
    void opening.then(closeAll).catch(() => undefined);
    throw reason;
  });
  const failure = opened.find((outcome) => outcome.status === 'rejected');
  if (failure) {
    await closeAll(opened);
    throw asVirnucproError(failure.reason);
  }
  return opened.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [] : [pooled(outcome.value, requests[index]!)],
  );
}

async function closeAll(opened: readonly PromiseSettledResult<NativeWorker>[]): Promise<void> {
  await Promise.all(opened.map(async (outcome) => outcome.status === 'fulfilled' && outcome.value.close()));
}

function pooled(native: NativeWorker, { id, device, precision, engine }: WorkerRequest): PoolWorker {
  const { threads, weightBytes } = native;
  return new PoolWorker(native, engine, { id, device, precision, threads, weightBytes });
}

/** Turns a worker's messages into events: its own words as they are, of the loading one for every fifth. */
function messageListener(device: string, onEvent: (event: PoolEvent) => void): (message: WorkerMessage) => void {
  let step = 0;
  return (message) => {
    if (message.kind === 'log') {
      onEvent({ event: 'worker-message', device, level: message.level, text: message.text });
      return;
    }
    const { bytesDone, bytesTotal } = message;
    const reached = Math.floor((LOADING_STEPS * bytesDone) / bytesTotal);
    if (reached <= step) return;
    step = reached;
    onEvent({ event: 'loading-progress', device, bytesDone, bytesTotal });
  };
}
