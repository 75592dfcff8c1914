import { counted, expected } from '../errors.js';
import { ArchiveDamage, archiveError } from './compression.js';
import { ContentGate, parserFor } from './content.js';
import type { LetterKind } from './content.js';
import { decompressed } from './decompressed.js';
import { fileBlocks, streamBlocks } from './file-blocks.js';
import { flattened } from './flattened.js';
import { filesOf, STANDARD_INPUT } from './input-files.js';
import { InputProgress } from './input-progress.js';
import type { RecordParser, RecordParserOptions, SequenceRecord } from './record.js';
import { inputName } from './text.js';

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
  /** Protein is refused where DNA is wanted. `dna` unless given; where `protein` is, a record's `problem` may be that it is one. */
  readonly letters?: LetterKind;
  /** Ends the reading at once, whatever is waited for. What `-` reads is destroyed then, where it is a stream of Node. */
  readonly signal?: AbortSignal;
}

/** Counts what is read of an input, as it lies in its file. */
async function* countedBlocks(blocks: AsyncIterable<Uint8Array>, progress: InputProgress): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    // A stream with an encoding gives texts, from which the bytes cannot be told any more.
    if (!((block as unknown) instanceof Uint8Array)) {
      throw expected('VNP_ARGUMENT', 'blocks of bytes', 'standard input', typeof block, 'Leave out setEncoding');
    }
    progress.add(block);
    yield block;
  }
}

interface InputReading {
  readonly path: string;
  readonly blocks: AsyncIterable<Uint8Array>;
  readonly progress: InputProgress;
  readonly parserOptions: RecordParserOptions;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of one input on their way to its records. */
class InputParsing {
  readonly #reading: InputReading;
  readonly #gate: ContentGate;
  #parser: RecordParser | undefined;
  #taken = 0;

  constructor(reading: InputReading) {
    this.#reading = reading;
    this.#gate = new ContentGate(reading.path, reading.parserOptions.letters);
  }

  add(block: Uint8Array): void {
    this.#parse(this.#gate.add(block));
  }

  end(): void {
    this.#parse(this.#gate.end(true));
    this.#parser?.finish();
  }

  take(): SequenceRecord[] {
    const records = this.#parser?.take() ?? [];
    this.#taken += records.length;
    return records;
  }

  /** Records that were taken so far. */
  get taken(): number {
    return this.#taken;
  }

  abandon(): void {
    this.#parser?.abandon();
  }

  /** Lines before the first record that were read over, but for comments. */
  get skippedLines(): number {
    return this.#parser?.skippedLines ?? 0;
  }

  /** The error for an archive that cannot be read on; what came before it can still be taken. */
  damaged({ message }: ArchiveDamage): Error {
    try {
      this.#parse(this.#gate.end(false));
    } catch (error) {
      // Content that is cut off may look like anything, but for what was parsed before.
      if (this.#parser) return error as Error;
    }
    return archiveError(this.#reading.path, message, this.#parser?.place ?? 'before its first record');
  }

  #parse(blocks: readonly Uint8Array[]): void {
    const { format } = this.#gate;
    if (format === undefined) return;
    const { progress, parserOptions } = this.#reading;
    this.#parser ??= parserFor(format, parserOptions);
    for (const block of blocks) {
      const before = this.#parser.recordBytes;
      try {
        this.#parser.push(block);
      } finally {
        progress.recordBytes += this.#parser.recordBytes - before;
      }
    }
  }
}

async function* recordsOfInput(reading: InputReading): AsyncGenerator<SequenceRecord[]> {
  const { path, blocks, progress, signal } = reading;
  const parsing = new InputParsing(reading);
  progress.begin();
  try {
    let failure: unknown;
    let doubt: string | undefined;
    const onDoubt = (text: string): void => void (doubt = text);
    try {
      for await (const content of decompressed(countedBlocks(blocks, progress), { inThread: true, onDoubt })) {
        progress.addContent(content);
        parsing.add(content);
        yield parsing.take();
      }
      parsing.end();
    } catch (error) {
      failure = error instanceof ArchiveDamage ? parsing.damaged(error) : error;
    }
    signal?.throwIfAborted();
    const { skippedLines } = parsing;
    if (skippedLines > 0) progress.warn(skippedLinesWarning(skippedLines, path));
    // What was whole before a failure is as good as ever.
    const last = parsing.take();
    if (failure === undefined) progress.end(path, parsing.taken);
    if (doubt !== undefined) {
      const were = parsing.taken === 1 ? 'was' : 'were';
      progress.warn(`${inputName(path)} ${doubt}; ${counted(parsing.taken, 'record')} ${were} read`);
    }
    yield last;
    if (failure !== undefined) throw failure as Error;
  } finally {
    parsing.abandon();
  }
}

function skippedLinesWarning(lines: number, path: string): string {
  const what = counted(lines, 'line');
  return `${what} before the first record of ${inputName(path)} left out: a record begins with a line that starts with ">"`;
}

/**
 * Reads the records of all inputs, in order: FASTA or FASTQ, plain or packed with gzip, bzip2, xz or zstd, all told by
 * content. Text before the first `>` is skipped, with a warning in `progress`; lines end with LF, CRLF or CR; white space,
 * gaps and what else is no letter are removed from sequences (docs/input.md), case and letters are kept. An input of no
 * bytes has no records. A record that is not sound has a `problem`; what breaks an input as a whole is thrown, after the
 * records before it. Memory does not grow with the inputs.
 * @param inputs files, directories (their sequence files by code point), or `-` for standard input
 * @returns the records; whoever takes one must release its sequence
 * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT; VNP_OUTPUT when a temporary file cannot be made or written;
 *   the signal's reason
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
  const {
    progress = new InputProgress(),
    memoryLimit = 1024 * 1024,
    blockSize = 512 * 1024,
    letters = 'dna',
    signal,
  } = options;
  let index = 0;
  for (const input of inputs) {
    for (const { path } of await filesOf(input, { signal })) {
      const standard = path === STANDARD_INPUT;
      const blocks = standard
        ? streamBlocks(options.standardInput ?? process.stdin, signal)
        : fileBlocks(path, blockSize, signal);
      const { temporaryFolder } = options;
      const parserOptions = { source: path, firstIndex: index, memoryLimit, temporaryFolder, letters };
      for await (const records of recordsOfInput({ path, blocks, progress, parserOptions, signal })) {
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
