/** What is done when SIGUSR2 asks how far a run is. Without it the signal would end the process. */
export class StateSignal {
  /** Called at every signal. */
  onAsked: () => void = () => undefined;
  readonly #ask = (): void => this.onAsked();

  constructor() {
    process.on('SIGUSR2', this.#ask);
  }

  ignore(): void {
    process.off('SIGUSR2', this.#ask);
  }
}
