import type { RunManifest } from '../output/manifest.js';

/** Exit codes of the process. Scripts rely on them: a number keeps its meaning. */
export const EXIT = {
  done: 0,
  failed: 1,
  partial: 2,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export interface ExitMeaning {
  readonly code: number;
  /** The `outcome` in run.json of a `predict` that ends with this code; undefined where it leaves none. */
  readonly outcome: RunManifest['outcome'] | undefined;
  readonly meaning: string;
}

/** For the documentation. */
export const EXIT_MEANINGS: readonly ExitMeaning[] = [
  { code: EXIT.done, outcome: 'complete', meaning: 'Everything was done.' },
  {
    code: EXIT.failed,
    outcome: undefined,
    meaning:
      'Nothing was done: wrong options, wrong input, no model, no device, no space. From `doctor`, `devices` and ' +
      '`models list`: something is wrong.',
  },
  {
    code: EXIT.failed,
    outcome: 'stopped',
    meaning:
      'The run gave up before the end of its input (the input is cut off or malformed, the last device was lost, ' +
      'three batches in a row have no score). `predict` writes what was finished; `embed` keeps it for `--resume`.',
  },
  {
    code: EXIT.partial,
    outcome: 'partial',
    meaning: 'The whole input was read, but some windows failed or some records are invalid. The tables say which.',
  },
  {
    code: EXIT.hungUp,
    outcome: 'stopped',
    meaning:
      'Stopped by SIGHUP (the terminal was closed). `predict` writes what was finished; `embed` keeps it for `--resume`.',
  },
  {
    code: EXIT.interrupted,
    outcome: 'stopped',
    meaning: 'Stopped by Ctrl-C. `predict` writes what was finished; `embed` keeps it for `--resume`.',
  },
  {
    code: EXIT.terminated,
    outcome: 'stopped',
    meaning: 'Stopped by SIGTERM. `predict` writes what was finished; `embed` keeps it for `--resume`.',
  },
];

/** The exit code of a command that no signal stopped, by the outcome of its run. */
export const EXIT_OF_OUTCOME: Readonly<Record<RunManifest['outcome'], number>> = {
  complete: EXIT.done,
  partial: EXIT.partial,
  stopped: EXIT.failed,
};

/** The exit code of a command that a signal stopped; undefined for other signals. */
export const EXIT_OF_SIGNAL: ReadonlyMap<NodeJS.Signals, number> = new Map<NodeJS.Signals, number>([
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
  ['SIGHUP', EXIT.hungUp],
]);
