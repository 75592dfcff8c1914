import { VirnucproError } from '../errors.js';

/** The addon's errors carry a code of ErrorCode already; only their class is the runtime's. */
export function asVirnucproError(error: unknown): unknown {
  if (error instanceof VirnucproError || !(error instanceof Error) || !('code' in error)) return error;
  return new VirnucproError(error.code as VirnucproError['code'], error.message, { cause: error });
}
