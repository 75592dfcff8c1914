import { open } from 'node:fs/promises';
import type { VirnucproError } from '../errors.js';
import { CONTENT_BYTES, formatError } from './content.js';
import { FastaParser } from './fasta-parser.js';
import { flattened } from './flattened.js';
import { STANDARD_INPUT, filesOf, unreadable } from './input-files.js';
import { InputProgress } from './progress.js';
import type { SequenceRecord } from './record.js';

export interface ReadOptions {
  /** Kept up to date while reading. */
  readonly progress?: InputProgress;
  /** Letters of one record that are kept in memory; a longer one goes to a temporary file. 1 Mi unless given. */
  readonly memoryLimit?: number;
  /** Bytes read at a time. 512 KiB unless given. */
  readonly blockSize?: number;
  /** Folder of the temporary files. The system's (TMPDIR) unless given. */
  readonly temporaryFolder?: string;
  /** What `-` reads. The process's standard input unless given. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
}

/** A block is valid until the next is asked for. */
async function* fileBlocks(path: string, blockSize: number): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const buffer = new Uint8Array(blockSize);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, blockSize, null).catch((cause: unknown) => {
        throw unreadable(path, cause);
      });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The start of an input, gathered until there is enough of it to tell whether it is FASTA. */
class ContentGate {
  readonly #path: string;
  readonly #head = new Uint8Array(CONTENT_BYTES);
  #filled = 0;
  #passed = false;

  constructor(path: string) {
    this.#path = path;
  }

  get passed(): boolean {
    return this.#passed;
  }

  /** @throws VirnucproError VNP_INPUT_FORMAT */
  add(block: Uint8Array): void {
    if (this.#passed) return;
    const part = block.subarray(0, CONTENT_BYTES - this.#filled);
    this.#head.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === CONTENT_BYTES) this.#judge(false);
  }

  end(): void {
    if (!this.#passed) this.#judge(true);
  }

  #judge(whole: boolean): void {
    const error: VirnucproError | undefined = formatError(this.#path, this.#head.subarray(0, this.#filled), whole);
    if (error !== undefined) throw error;
    this.#passed = true;
  }
}

interface InputReading {
  readonly path: string;
  readonly blocks: AsyncIterable<Uint8Array>;
  readonly progress: InputProgress;
  readonly parser: FastaParser;
}

async function* recordsOfInput({ path, blocks, progress, parser }: InputReading): AsyncGenerator<SequenceRecord[]> {
  const gate = new ContentGate(path);
  progress.begin();
  try {
    for await (const block of blocks) {
      progress.add(block);
      gate.add(block);
      parser.push(block);
      if (gate.passed) yield parser.take();
    }
    gate.end();
    parser.finish();
    progress.end(path);
    yield parser.take();
  } finally {
    parser.abandon();
  }
}

/**
 * Reads the FASTA records of all inputs, in order. The rules are the classic ones: text before the first `>` is skipped;
 * lines end with LF, CRLF or CR; white space is removed from sequences, case and letters are kept. An input of no bytes has
 * no records. Memory does not grow with the inputs.
 * @param inputs files, directories (their FASTA files by code point), or `-` for standard input
 * @returns the records; whoever takes one must release its sequence
 * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT; VNP_OUTPUT when a temporary file cannot be made or written
 */
export function readRecords(
  inputs: readonly string[],
  options: ReadOptions = {},
): AsyncIterableIterator<SequenceRecord, undefined> {
  return flattened(recordGroups(inputs, options));
}

async function* recordGroups(
  inputs: readonly string[],
  options: ReadOptions,
): AsyncGenerator<Iterable<SequenceRecord>, void, undefined> {
  const { progress = new InputProgress(), memoryLimit = 1024 * 1024, blockSize = 512 * 1024 } = options;
  let index = 0;
  for (const input of inputs) {
    for (const { path } of await filesOf(input)) {
      const standard = path === STANDARD_INPUT;
      const blocks = standard ? (options.standardInput ?? process.stdin) : fileBlocks(path, blockSize);
      const { temporaryFolder } = options;
      const parser = new FastaParser({ source: path, firstIndex: index, memoryLimit, temporaryFolder });
      for await (const records of recordsOfInput({ path, blocks, progress, parser })) {
        index += records.length;
        yield released(records);
      }
    }
  }
}

/** Gives the records one by one; when the taker stops early, those that it never saw are released. */
function* released(records: readonly SequenceRecord[]): Generator<SequenceRecord, void, undefined> {
  let given = 0;
  try {
    for (const record of records) {
      given++;
      yield record;
    }
  } finally {
    for (const record of records.slice(given)) record.sequence.release();
  }
}
