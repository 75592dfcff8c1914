import { computedBy } from '../predict/run-status.js';
import type { RunStatus } from '../predict/run-status.js';

/** Seconds over which rates are averaged, because the parts of a batch differ in speed. */
const WINDOW = 20;
/** Seconds of history that are kept. */
const KEPT = WINDOW + 5;

/** What a worker did recently. */
export interface RecentRates {
  readonly framesPerSecond: number;
  readonly tokensPerSecond: number;
  /** Fraction of the time in which it computed, 0 to 1. */
  readonly busyFraction: number;
}

const NOTHING_DONE = { frames: 0, tokens: 0, busySeconds: 0, running: undefined };
const NO_RATES: RecentRates = { framesPerSecond: 0, tokensPerSecond: 0, busyFraction: 0 };

/** Adds a status to the history and drops those that are too old to matter. Oldest first. */
export function withStatus(history: readonly RunStatus[], status: RunStatus): RunStatus[] {
  return [...history.filter(({ seconds }) => seconds < status.seconds && seconds >= status.seconds - KEPT), status];
}

/**
 * The rates of a worker over about the last 20 seconds, or since the run began if that is less. A running batch counts
 * by its progress, so that a long one causes no jumps; a failed one does not count.
 */
export function recentRates(history: readonly RunStatus[], worker: number): RecentRates {
  const now = history.at(-1);
  const status = now?.workers[worker];
  if (!now || !status || status.isLost) return NO_RATES;
  const from = history.findLast(({ seconds }) => seconds <= now.seconds - WINDOW);
  const seconds = now.seconds - (from?.seconds ?? 0);
  if (seconds <= 0) return NO_RATES;
  const before = from?.workers[worker] ?? NOTHING_DONE;
  const [done, doneBefore] = [computedBy(status), computedBy(before)];
  const rate = (more: number): number => Math.max(0, more / seconds);
  return {
    framesPerSecond: rate(done.frames - doneBefore.frames),
    tokensPerSecond: rate(done.tokens - doneBefore.tokens),
    busyFraction: Math.min(1, rate(status.busySeconds - before.busySeconds)),
  };
}

/** Frames and tokens a second of all workers together. */
export function totalRates(history: readonly RunStatus[]): Omit<RecentRates, 'busyFraction'> {
  const rates = (history.at(-1)?.workers ?? []).map((_, worker) => recentRates(history, worker));
  return {
    framesPerSecond: rates.reduce((sum, { framesPerSecond }) => sum + framesPerSecond, 0),
    tokensPerSecond: rates.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0),
  };
}
