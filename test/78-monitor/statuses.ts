import type { RunStatus, WorkerStatus } from '../../lib/predict/run-status.js';

export const GIB = 2 ** 30;

/** A GPU in the middle of a run, by default. */
export function worker(given: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    id: 'cuda:0',
    name: 'NVIDIA H200',
    isLost: false,
    stage: 'protein',
    running: { layersDone: 20, layers: 48, fraction: 0.4, frames: 100, tokens: 20_000, seconds: 0.4 },
    fraction: 0.125,
    batches: 10,
    frames: 1000,
    tokens: 200_000,
    busySeconds: 10,
    memory: { allocated: 10 * GIB, reserved: 12 * GIB, peak: 14.2 * GIB, free: 60 * GIB, total: 80 * GIB },
    utilisation: 0.98,
    temperature: 65,
    ...given,
  };
}

/** A run that is half done, by default. */
export function status(given: Partial<RunStatus> = {}): RunStatus {
  return {
    seconds: 10,
    isPaused: false,
    bytesRead: 60 * 2 ** 20,
    bytesTotal: 100 * 2 ** 20,
    fraction: 0.5,
    secondsLeft: 10,
    lettersComputed: 50e6,
    records: 100,
    windows: 1000,
    frames: 1000,
    framesFound: 1100,
    framesUnderway: 0,
    framesJournaled: 0,
    framesSpared: 0,
    framesFailed: 0,
    workers: [worker()],
    ...given,
  };
}

export function workers(count: number): WorkerStatus[] {
  return Array.from({ length: count }, (_, index) => worker({ id: `cuda:${index}` }));
}
