import type { ERROR_CODES } from './error-codes.js';

/**
 * Every failure that a user can cause or meet has one of these codes. They are stable: a code keeps its meaning between
 * releases, while the text of its message may change.
 */
export type ErrorCode = keyof typeof ERROR_CODES;

/** An error meant for the user: its message says what is wrong and what to do next. */
export class VirnucproError extends Error {
  /** Always `VirnucproError`. */
  override readonly name = 'VirnucproError';
  /** Stable; docs/troubleshooting.md explains each. */
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

/** The type of an argument, for `received` in `expected`. */
export function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
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
