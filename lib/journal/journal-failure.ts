import { expected, reasonOf, VirnucproError } from '../errors.js';
import { makingRoom } from '../disk.js';

/** What a journal that cannot be read or written comes to. */
export function journalFailure(path: string, cause: unknown): VirnucproError {
  const advice = `${makingRoom(cause, path) ?? 'Mend that'}, then go on with --resume`;
  const error = expected('VNP_OUTPUT', 'a journal that can be read and written', path, reasonOf(cause), advice);
  error.cause = cause;
  return error;
}

/** What it comes to that a journal was removed or replaced while it was written to. */
export function journalLost(path: string): VirnucproError {
  const text = `The journal ${path} was removed or replaced while the run went on. The run was stopped: what it computes could not be gone on from. Keep clean-ups and other runs away from it, and begin the run again`;
  return new VirnucproError('VNP_OUTPUT_LOST', text);
}
