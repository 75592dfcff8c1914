/** What the process ends with. A promise to scripts: a number keeps its meaning. */
export const EXIT = {
  /** All that was asked for is done. */
  done: 0,
  /** Nothing was done: wrong use, wrong input, no model, no device, no room. Or given up, with what was finished kept. */
  failed: 1,
  /** Done but for the failures that the summary names. */
  partial: 2,
  /** Ended because the terminal was closed (SIGHUP); `predict` keeps what was finished. */
  hungUp: 129,
  /** Ended by Ctrl-C; what was finished is kept. */
  interrupted: 130,
  /** Ended by SIGTERM, likewise. */
  terminated: 143,
} as const;

/** The exit code of a command that a signal stopped; undefined for other signals. */
export const EXIT_OF_SIGNAL: ReadonlyMap<NodeJS.Signals, number> = new Map<NodeJS.Signals, number>([
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
  ['SIGHUP', EXIT.hungUp],
]);
