/** `warning`: predictions work, though not as well as they could. `failed`: they do not. */
export type CheckStatus = 'ok' | 'warning' | 'failed';

/** The result of one check of this machine and this installation. */
export interface Check {
  /** What was checked, e.g. `libtorch` or `known answer on cuda:0`. */
  readonly name: string;
  /** Whether it is in order. */
  readonly status: CheckStatus;
  /** What was found, in one line. */
  readonly found: string;
  /** Further details, one a line. */
  readonly details: readonly string[];
  /** The command or step that fixes it; always present unless the status is `ok`. */
  readonly next?: string;
}

export function passed(name: string, found: string, details: readonly string[] = []): Check {
  return { name, status: 'ok', found, details };
}

export function warned(name: string, found: string, next: string, details: readonly string[] = []): Check {
  return { name, status: 'warning', found, details, next };
}

export function failed(name: string, found: string, next: string, details: readonly string[] = []): Check {
  return { name, status: 'failed', found, details, next };
}
