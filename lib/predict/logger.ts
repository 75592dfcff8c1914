import { eventText } from '../monitor/event-text.js';
import type { RunEvent } from './events.js';

/** Where `open` logs: what `console`, pino and most other loggers have. `trace` is not needed, and not used. */
export interface Logger {
  /** Details, such as the loading of small models. */
  debug(message: string): void;
  /** What happens: devices, progress, memory. */
  info(message: string): void;
  /** What the user should know, such as a device that is not used. */
  warn(message: string): void;
  /** What costs results: a lost device, frames without a score. */
  error(message: string): void;
}

/** The methods of a Logger. */
export const LOGGER_METHODS = ['debug', 'info', 'warn', 'error'] as const;

/** A listener that logs every event as a sentence. */
export function loggingTo(logger: Logger): (event: RunEvent) => void {
  return (event) => {
    const { level, text } = eventText(event);
    logger[level](text);
  };
}
