import { ByteWriter } from 'hyparquet-writer';
import { both } from './buffered-file.js';
import type { BufferedFile, Wait } from './buffered-file.js';

/** Where hyparquet-writer writes to: a file with back-pressure. */
export class ParquetBytes extends ByteWriter {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    super();
    this.#file = file;
  }

  /** Passes everything written so far to the file. The library calls it after each row group. */
  flush(): Wait {
    if (this.index === 0) return undefined;
    const bytes = new Uint8Array(this.buffer, 0, this.index);
    this.buffer = new ArrayBuffer(1024);
    this.view = new DataView(this.buffer);
    this.index = 0;
    return this.#file.appendBytes(bytes);
  }

  /** Passes bytes on without a copy. */
  passOn(bytes: Uint8Array): Wait {
    const flushed = this.flush();
    this.offset += bytes.length;
    return both(flushed, this.#file.appendBytes(bytes));
  }
}
