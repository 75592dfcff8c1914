import { open, stat, type FileHandle } from 'node:fs/promises';
import { expected } from '../../errors.js';
import { damaged } from './tensor.js';

/** A file that is read in parts: checkpoints of 12 GB never come into memory whole. */
export class CheckpointFile {
  private constructor(
    readonly path: string,
    /** Bytes. */
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** Opens the file, hands it to `use`, and closes it whatever happens. */
  static async use<T>(path: string, use: (file: CheckpointFile) => Promise<T>): Promise<T> {
    // Looked at before it is opened: opening a pipe would wait for ever.
    if (!(await regular(path))) throw expected('VNP_CHECKPOINT', 'a regular file', path, 'something else');
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw unreadable(path, error);
    });
    try {
      return await use(new CheckpointFile(path, (await handle.stat()).size, handle));
    } finally {
      await handle.close();
    }
  }

  /** Bytes [offset, offset + length). Throws VNP_CHECKPOINT when they are not all in the file. */
  async read(offset: number, length: number, what: string): Promise<Buffer> {
    if (!this.contains(offset, length)) {
      throw damaged(
        this.path,
        `truncated or corrupt: ${what} should take ${length} bytes at ${offset}, but the file has ${this.size}. Download it again`,
      );
    }
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw damaged(this.path, `became shorter while ${what} was read`);
      done += bytesRead;
    }
    return bytes;
  }

  contains(offset: number, length: number): boolean {
    return (
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset <= this.size &&
      length <= this.size - offset
    );
  }
}

async function regular(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Error {
  return expected('VNP_CHECKPOINT', 'a readable file', path, (error as Error).message);
}
