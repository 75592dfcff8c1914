/** Where a step of setup says what it does; scripts/setup/step.mjs prints it. */
export interface SetupReport {
  /** What begins now. */
  say(text: string): void;
  /** How far it is: a fraction of 1. */
  progress(what: string, fraction: number): void;
  done(text: string): void;
  /** Nothing was to be done. */
  upToDate(text: string): void;
}
