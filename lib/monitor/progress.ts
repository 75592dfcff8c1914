import type { Logger } from 'pino';
import type { RunSummary } from '../predict/summary.js';

/** Seconds between two lines of progress. */
export const DEFAULT_PROGRESS_INTERVAL = 30;

export interface ProgressOptions {
  /** Seconds between two lines; 0 for none. Defaults to DEFAULT_PROGRESS_INTERVAL. */
  readonly interval?: number;
  /** Bytes of all inputs; undefined when one of them has no size, such as standard input. */
  readonly totalBytes: number | undefined;
}

/** Logs a plain line of progress at intervals. Gives back how to stop it. */
export function logProgress(log: Logger, summary: RunSummary, options: ProgressOptions): () => void {
  const { interval = DEFAULT_PROGRESS_INTERVAL, totalBytes } = options;
  if (interval === 0) return () => undefined;
  const start = performance.now();
  const timer = setInterval(() => {
    const seconds = (performance.now() - start) / 1000;
    const frames = summary.devices.reduce((sum, device) => sum + device.frames, 0);
    const { lettersComputed } = summary;
    const { records, windows } = summary.counts;
    // Headers and line ends are bytes too, so the share lags a little behind.
    const share = totalBytes ? lettersComputed / totalBytes : undefined;
    const rate = frames / seconds;
    log.info(
      { event: 'progress', seconds, lettersComputed, totalBytes, records, windows, frames, framesPerSecond: rate },
      `${share === undefined ? '' : `${(100 * Math.min(1, share)).toFixed(1)} % done, `}${bases(lettersComputed)}, ` +
        `${frames} frames at ${rate.toFixed(1)} a second${timeLeft(share, seconds)}`,
    );
  }, interval * 1000);
  return () => clearInterval(timer);
}

function timeLeft(share: number | undefined, seconds: number): string {
  if (!share) return '';
  const left = seconds / Math.min(1, share) - seconds;
  return left < 120 ? `, ${left.toFixed(0)} s to go` : `, ${(left / 60).toFixed(0)} min to go`;
}

function bases(letters: number): string {
  return letters < 1e6 ? `${(letters / 1e3).toFixed(1)} kb` : `${(letters / 1e6).toFixed(1)} Mb`;
}
