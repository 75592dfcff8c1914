import { expected } from '../errors.js';

/**
 * How the tokens of a sequence are read: in one window, or in several that overlap. Special tokens do not count: each
 * window gets its own.
 */
export interface TokenWindows {
  /** Tokens of the sequence. */
  readonly total: number;
  /** Tokens of a window, the same for all. */
  readonly size: number;
  /** Number of windows. */
  readonly count: number;
}

/** More context than this on either side of a token hardly changes its state. */
const MAX_OVERLAP = 256;

/** Tokens that two neighbouring windows have in common at least: a quarter of a window, and at most 256. */
export function leastOverlap(limit: number): number {
  return Math.min(MAX_OVERLAP, Math.floor(limit / 4));
}

/**
 * The fewest windows of `limit` tokens that cover a sequence with the least overlap. They are spaced evenly: the first
 * begins with the sequence, the last ends with it. A sequence of at most `limit` tokens has one window.
 */
export function windowsOf(total: number, limit: number): TokenWindows {
  if (!(limit >= 1 && total >= 1)) throw expected('VNP_ARGUMENT', 'at least 1 token', 'windows', `${total}, ${limit}`);
  if (total <= limit) return { total, size: total, count: 1 };
  const overlap = leastOverlap(limit);
  return { total, size: limit, count: Math.ceil((total - overlap) / (limit - overlap)) };
}

/** First token of a window, counted from 0. */
export function startOf({ total, size, count }: TokenWindows, window: number): number {
  return count === 1 ? 0 : Math.floor((window * (total - size)) / (count - 1));
}
