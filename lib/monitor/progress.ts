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
    const { bytesRead } = summary.input;
    const { records, windows } = summary.counts;
    const share = totalBytes ? ` (${((100 * bytesRead) / totalBytes).toFixed(1)} %)` : '';
    const rate = frames / seconds;
    log.info(
      { event: 'progress', seconds, bytesRead, totalBytes, records, windows, frames, framesPerSecond: rate },
      `${megabytes(bytesRead)} read${share}, ${records} records, ${windows} windows done, ` +
        `${frames} frames at ${rate.toFixed(0)} a second`,
    );
  }, interval * 1000);
  return () => clearInterval(timer);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
