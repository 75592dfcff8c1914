import { setMaxListeners } from 'node:events';
import { asVirnucproError, codeOf, reasonOf, VirnucproError } from '../../errors.js';
import { unlessAborted } from '../../unless-aborted.js';
import { DEFAULT_DEADLINE } from '../addon.js';
import type { Addon, NativeDevice, NativeWorker, OpenRequest, WorkerMessage } from '../addon.js';
import { OpeningWatch } from './stall-watch.js';
import { mayBeLeftOut } from './failure-policy.js';
import type { PoolEvent } from './pool-events.js';
import { PoolWorker } from './pool-worker.js';

/** One worker to open. */
export interface WorkerRequest extends Omit<OpenRequest, 'device' | 'onMessage' | 'signal'> {
  /** The worker's name: see WorkerDescription. */
  readonly id: string;
  readonly device: NativeDevice;
  /** Maximum tokens on the larger side of a batch that it takes at once. Defaults to no limit. */
  readonly tokensThatFit?: number;
}

export interface OpenPoolOptions {
  /**
   * Whether a device that does not open is left out, with an event, as long as another one opens. Defaults to false: if
   * one fails, all fail.
   */
  readonly mayLeaveOut?: boolean;
  /** Called for every event, including those during opening. Must not throw. */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Aborts the opening at once; threads finish their current step in the background. */
  readonly signal?: AbortSignal;
}

const LOADING_STEPS = 5;

/**
 * Opens all workers at the same time. One that fails is left out where that is allowed; otherwise those that opened are
 * closed again.
 * @throws VirnucproError of the first failure, or listing all of them if every worker failed and might have been left
 *   out; the signal's reason
 */
export async function openWorkers(
  addon: Addon,
  requests: readonly WorkerRequest[],
  { mayLeaveOut = false, onEvent, signal }: OpenPoolOptions,
): Promise<PoolWorker[]> {
  const loading = new AbortController();
  const emitted = new Set<string>();
  const deadline = Math.max(...requests.map(({ deadlineSeconds = DEFAULT_DEADLINE }) => deadlineSeconds));
  const watch = new OpeningWatch(deadline);
  // Each worker adds a listener; any number of them is fine.
  setMaxListeners(0, loading.signal);
  const opening = Promise.allSettled(
    requests.map(({ id, device, tokensThatFit: _, ...request }) => {
      const listener = onEvent && messageListener(id, onEvent, emitted);
      const onMessage = (message: WorkerMessage): void => {
        watch.hear();
        listener?.(message);
      };
      return watch.during(device, (abandon) =>
        addon.openWorker({ ...request, device: device.id, onMessage, signal: loading.signal, abandon }),
      );
    }),
  ).finally(() => watch.end());
  const opened = await unlessAborted(opening, signal).catch((reason: unknown) => {
    loading.abort();
    void opening.then(closeAll).catch(() => undefined);
    throw reason;
  });
  const failures = opened.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ device: requests[index]!.device, error: asVirnucproError(outcome.reason) }] : [],
  );
  const isWhole = failures.length === 0;
  const areLeftOut = mayLeaveOut && mayBeLeftOut(failures.map(({ error }) => codeOf(error)));
  if (!isWhole && !(areLeftOut && failures.length < opened.length)) {
    await closeAll(opened);
    throw areLeftOut ? allFailed(failures) : failures[0]!.error;
  }
  for (const { device, error } of failures) {
    onEvent?.({ event: 'device-left-out', device: device.id, name: device.name, reason: failureReason(error) });
  }
  return opened.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [] : [pooled(outcome.value, requests[index]!)],
  );
}

interface OpeningFailure {
  readonly device: NativeDevice;
  readonly error: unknown;
}

function failureReason(error: unknown): string {
  return `it did not open: ${reasonOf(error)} (${codeOf(error)})`;
}

/** A single failure is reported as it is. */
function allFailed(failures: readonly OpeningFailure[]): unknown {
  const [first, ...others] = failures;
  if (others.length === 0) return first!.error;
  const code = codeOf(first!.error);
  const isSame = others.every(({ error }) => codeOf(error) === code);
  const reasons = failures.map(({ device, error }) => `${device.id}: ${failureReason(error)}`);
  const text = `No GPU can be used. ${reasons.join('; ')}. Choose the CPU (\`devices: 'cpu'\`)`;
  return new VirnucproError(isSame ? code : 'VNP_DEVICE', text);
}

async function closeAll(opened: readonly PromiseSettledResult<NativeWorker>[]): Promise<void> {
  await Promise.all(opened.map(async (outcome) => outcome.status === 'fulfilled' && outcome.value.close()));
}

function pooled(native: NativeWorker, { id, device, precision, engine, tokensThatFit }: WorkerRequest): PoolWorker {
  const { threads, weightBytes } = native;
  return new PoolWorker(native, engine, { id, device, precision, threads, weightBytes }, tokensThatFit);
}

/**
 * Turns a worker's messages into events: each log line, and loading progress at every fifth.
 * @param emitted texts that workers have already sent; an `info` text that they share is emitted only once
 */
function messageListener(
  device: string,
  onEvent: (event: PoolEvent) => void,
  emitted: Set<string>,
): (message: WorkerMessage) => void {
  let step = 0;
  return (message) => {
    if (message.kind === 'log') {
      if (message.level === 'info' && emitted.has(message.text)) return;
      emitted.add(message.text);
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
