import { expected, reasonOf } from '../errors.js';
import { makingRoom } from '../full-disk.js';
import type { VirnucproError } from '../errors.js';

/** What a journal that cannot be read or written comes to. */
export function journalFailure(path: string, cause: unknown): VirnucproError {
  const advice = `${makingRoom(cause, path) ?? 'Mend that'}, then go on with --resume`;
  const error = expected('VNP_OUTPUT', 'a journal that can be read and written', path, reasonOf(cause), advice);
  error.cause = cause;
  return error;
}
