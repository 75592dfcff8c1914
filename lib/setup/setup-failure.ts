import { VirnucproError } from '../errors.js';

/** A failure to provide libtorch: its message says what is wrong and what to do next. */
export function setupFailure(message: string, cause?: unknown): VirnucproError {
  return new VirnucproError('VNP_LIBTORCH', message, { cause });
}
