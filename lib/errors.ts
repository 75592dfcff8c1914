/**
 * Every failure that a user can cause or meet has one of these codes. They are stable: a code keeps its meaning between
 * releases, while the text of its message may change.
 */
export type ErrorCode =
  | 'VNP_NODE' // a Node release that lacks features used here
  | 'VNP_USAGE' // a wrong option or argument
  | 'VNP_INPUT_MISSING' // an input path that does not exist or cannot be read
  | 'VNP_INPUT_FORMAT' // an input that is not FASTA or FASTQ of DNA, or a damaged archive
  | 'VNP_INPUT_LIMIT' // an input of more bytes than the caller allows
  | 'VNP_OUTPUT' // the output directory cannot be used or written
  | 'VNP_OUTPUT_LOST' // another run took over the output directory, or it was cleaned up, during the run
  | 'VNP_RESUME' // the run to resume was begun with other input, another model or other options
  | 'VNP_MODEL_MISSING' // no such model, or none installed
  | 'VNP_MODEL_INVALID' // a model folder or archive that is damaged or of another kind
  | 'VNP_MODEL_UNTRUSTED' // a model that was not made on this machine and is not trusted
  | 'VNP_CHECKPOINT' // a published checkpoint that cannot be read: truncated, corrupt, hostile, of another kind
  | 'VNP_LIBTORCH' // libtorch or the addon cannot be found or loaded
  | 'VNP_DEVICE' // a device that does not exist or cannot be used
  | 'VNP_MEMORY' // a device or the machine ran out of memory
  | 'VNP_DEVICE_LOST' // a device stopped answering for good, and no other is left to take its work
  | 'VNP_THREADS' // fewer threads than the work needs, because of a limit of the system or of OpenMP
  | 'VNP_WRONG_NUMBERS' // a device computes wrong numbers
  | 'VNP_SYSTEMIC' // batch after batch failed entirely: something is wrong that more batches would not fix
  | 'VNP_ABORTED' // the caller ended a run early
  | 'VNP_CLOSED' // a call on something already closed
  | 'VNP_ARGUMENT' // a wrong argument to a library or native call
  | 'VNP_NATIVE'; // a failure inside libtorch that has no code of its own

/** An error meant for the user: its message says what is wrong and what to do next. */
export class VirnucproError extends Error {
  override readonly name = 'VirnucproError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error for a wrong argument or option: "Expected X for Y but received Z. What to do next". */
export function expected(code: ErrorCode, what: string, forWhat: string, received: string, next = ''): VirnucproError {
  return new VirnucproError(code, `Expected ${what} for ${forWhat} but received ${received}${next && `. ${next}`}`);
}

/** Whether the error means that the caller aborted the work. */
export function isAborted(thrown: unknown): boolean {
  return thrown instanceof VirnucproError && thrown.code === 'VNP_ABORTED';
}

/** The message of whatever was thrown, an Error or not. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Turns errors of the addon, which carry an ErrorCode, into VirnucproErrors. Leaves other errors alone. */
export function asVirnucproError(error: unknown): unknown {
  if (error instanceof VirnucproError || !(error instanceof Error) || !('code' in error)) return error;
  // Node's own errors have codes too, such as ENOENT.
  if (!String(error.code).startsWith('VNP_')) return error;
  return new VirnucproError(error.code as ErrorCode, error.message, { cause: error });
}

/** The code of whatever was thrown; VNP_NATIVE if it has no ErrorCode. */
export function codeOf(error: unknown): ErrorCode {
  const known = asVirnucproError(error);
  return known instanceof VirnucproError ? known.code : 'VNP_NATIVE';
}

/** A count with its noun, for messages: `1 frame`, `2 frames`, `3 entries`. */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  if (/[^aeiou]y$/.test(noun)) return `${count} ${noun.slice(0, -1)}ies`;
  return `${count} ${noun}${/(ch|s)$/.test(noun) ? 'es' : 's'}`;
}
