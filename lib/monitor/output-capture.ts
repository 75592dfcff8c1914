import { StringDecoder } from 'node:string_decoder';

type Write = NodeJS.WriteStream['write'];

/**
 * Captures what is written to standard output and standard error, line by line, until `release`: the lines of the
 * console and Node's own warnings, whatever their source. Does not capture what a native library writes to the file
 * descriptors.
 */
export class OutputCapture {
  readonly #onLine: (line: string) => void;
  readonly #streams: readonly NodeJS.WriteStream[];
  readonly #writes: readonly Write[];
  readonly #decoders: readonly StringDecoder[];
  /** What each stream has received after its last line end. */
  readonly #begun: string[];
  readonly #nodeListeners: NodeJS.WarningListener[];
  readonly #onWarning = (warning: Error): void => this.#onLine(`${warning.name}: ${warning.message}`);
  #isReleased = false;

  constructor(streams: readonly NodeJS.WriteStream[], onLine: (line: string) => void) {
    this.#onLine = onLine;
    this.#streams = streams;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its stream below, and put back as it was
    this.#writes = streams.map(({ write }) => write);
    this.#decoders = streams.map(() => new StringDecoder('utf8'));
    this.#begun = streams.map(() => '');
    for (const [index, stream] of streams.entries()) stream.write = this.#taking(index);
    // Node writes its warnings to the file descriptor, bypassing the stream.
    this.#nodeListeners = process.listeners('warning').filter(({ name }) => name === 'onWarning');
    for (const listener of this.#nodeListeners) process.off('warning', listener);
    process.on('warning', this.#onWarning);
  }

  /** Writes to a captured stream, bypassing the capture. */
  write(stream: NodeJS.WriteStream, text: string): boolean {
    const write = this.#writes[this.#streams.indexOf(stream)];
    return write ? write.call(stream, text) : stream.write(text);
  }

  /** Restores the streams, after passing on any unfinished line. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const [index, stream] of this.#streams.entries()) {
      stream.write = this.#writes[index]!;
      if (this.#begun[index]) this.#onLine(this.#begun[index]);
    }
    process.off('warning', this.#onWarning);
    for (const listener of this.#nodeListeners) process.on('warning', listener);
  }

  #taking(index: number): Write {
    return (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const text = typeof chunk === 'string' ? chunk : this.#decoders[index]!.write(Buffer.from(chunk));
      const lines = (this.#begun[index]! + text).split('\n');
      this.#begun[index] = lines.pop()!;
      for (const line of lines) this.#onLine(line);
      const callback = rest.find((value): value is () => void => typeof value === 'function');
      if (callback) process.nextTick(callback);
      return true;
    };
  }
}
