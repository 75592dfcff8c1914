import { VirnucproError } from '../errors.js';
import type { ErrorCode } from '../errors.js';

/** The addon's errors carry a code of ErrorCode already; only their class is the runtime's. Other errors stay as they are. */
export function asVirnucproError(error: unknown): unknown {
  if (error instanceof VirnucproError || !(error instanceof Error) || !('code' in error)) return error;
  // Node's own errors have codes too, such as ENOENT.
  if (!String(error.code).startsWith('VNP_')) return error;
  return new VirnucproError(error.code as ErrorCode, error.message, { cause: error });
}

/** The code of whatever was thrown: VNP_NATIVE for what has none of ErrorCode. */
export function codeOf(error: unknown): ErrorCode {
  const known = asVirnucproError(error);
  return known instanceof VirnucproError ? known.code : 'VNP_NATIVE';
}
