import type { RunStatus, WorkerStatus } from '../predict/run-status.js';

/** Seconds over which rates are taken. */
const WINDOW = 10;
/** Seconds of the past that are kept: room for a window between the ends of long batches. */
const KEPT = 60;

/** What a worker did lately. */
export interface RecentRates {
  readonly framesPerSecond: number;
  readonly tokensPerSecond: number;
  /** Share of the time in which it computed, 0 to 1. */
  readonly busyShare: number;
}

/** Adds a status to those before it and drops what is too old to matter. Oldest first. */
export function withStatus(history: readonly RunStatus[], status: RunStatus): RunStatus[] {
  return [...history.filter(({ seconds }) => seconds < status.seconds && seconds >= status.seconds - KEPT), status];
}

/**
 * The rates of one worker over about the last ten seconds. Its numbers grow with every finished batch, so they are taken
 * from the end of one batch to the end of another: a long batch makes nothing jump.
 */
export function recentRates(history: readonly RunStatus[], worker: number): RecentRates {
  const now = history.at(-1);
  const status = now?.workers[worker];
  if (!now || !status || status.isLost) return { framesPerSecond: 0, tokensPerSecond: 0, busyShare: 0 };
  const settled = settledStatuses(history, worker);
  const until = settled.at(-1);
  const from = until && (settled.findLast(({ seconds }) => seconds <= until.seconds - WINDOW) ?? settled[0]);
  if (!from || until.seconds <= from.seconds) return ratesOfRun(now, status);
  const before = from.workers[worker]!;
  const after = until.workers[worker]!;
  const seconds = until.seconds - from.seconds;
  return {
    framesPerSecond: (after.frames - before.frames) / seconds,
    tokensPerSecond: (after.tokens - before.tokens) / seconds,
    busyShare: share((after.busySeconds - before.busySeconds) / seconds),
  };
}

/** Frames and tokens a second of all workers together. */
export function totalRates(history: readonly RunStatus[]): Omit<RecentRates, 'busyShare'> {
  const rates = (history.at(-1)?.workers ?? []).map((_, worker) => recentRates(history, worker));
  return {
    framesPerSecond: rates.reduce((sum, { framesPerSecond }) => sum + framesPerSecond, 0),
    tokensPerSecond: rates.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0),
  };
}

/** Those in which all work of the worker was counted: it is idle, or a batch has just ended. */
function settledStatuses(history: readonly RunStatus[], worker: number): RunStatus[] {
  return history.filter((status, index) => {
    const { stage, batches } = status.workers[worker]!;
    const earlier = history[index - 1]?.workers[worker];
    return stage === 'idle' || (earlier !== undefined && batches > earlier.batches);
  });
}

/** Batches so long that none ended twice in all that is kept: what is left is the mean of the whole run. */
function ratesOfRun({ seconds }: RunStatus, { stage, frames, tokens }: WorkerStatus): RecentRates {
  const mean = (count: number): number => (seconds > 0 ? count / seconds : 0);
  return { framesPerSecond: mean(frames), tokensPerSecond: mean(tokens), busyShare: stage === 'idle' ? 0 : 1 };
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}
