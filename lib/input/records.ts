import { counted, expected, VirnucproError } from '../errors.js';
import { abortable } from './abortable.js';
import { ArchiveDamage, archiveError } from './compression.js';
import { ContentGate, parserFor } from './content.js';
import type { LetterKind } from './content.js';
import { decompressed } from './decompressed.js';
import { fileBlocks } from './file-blocks.js';
import { flattened } from './flattened.js';
import { filesOf, STANDARD_INPUT } from './input-files.js';
import { InputProgress } from './input-progress.js';
import type { RecordParser, RecordParserOptions, SequenceRecord } from './record.js';
import { inputName, sentenceInputName } from './text.js';

export interface ReadOptions {
  /** Kept up to date while reading. */
  readonly progress?: InputProgress;
  /** Maximum letters of one record in memory; a longer record goes to a temporary file. Default 1 Mi. */
  readonly memoryLimit?: number;
  /** Bytes read at a time. Default 512 KiB. */
  readonly blockSize?: number;
  /** Folder of the temporary files. Default the system's (TMPDIR). */
  readonly temporaryFolder?: string;
  /** What `-` reads. Default the process's standard input. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
  /** `dna` refuses protein inputs. `protein` accepts them; in FASTQ, their records have a `problem`. Default `dna`. */
  readonly letters?: LetterKind;
  /** Aborts the reading at once, whatever it waits for. A Node stream that is being read is destroyed then. */
  readonly signal?: AbortSignal;
  /** Maximum letters of a record; a longer one has a `problem`, and its letters are not kept. Default no limit. */
  readonly maxRecordLength?: number | undefined;
  /** Maximum bytes of all inputs, decompressed. Default no limit. */
  readonly maxInputBytes?: number | undefined;
}

/** Letters of a record that are kept in memory. */
export const MEMORY_LIMIT = 1024 * 1024;

/** Counts the bytes read of an input, as stored in its file. */
async function* countedBlocks(
  path: string,
  blocks: AsyncIterable<Uint8Array>,
  progress: InputProgress,
): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    // A stream with an encoding yields strings, from which the bytes cannot be recovered.
    if (!((block as unknown) instanceof Uint8Array)) {
      throw expected('VNP_ARGUMENT', 'blocks of bytes', inputName(path), typeof block, 'Leave out setEncoding');
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
  readonly maxInputBytes: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws VirnucproError VNP_INPUT_LIMIT */
export function checkInputBytes(path: string, bytes: number, maximum = Infinity): void {
  if (bytes <= maximum) return;
  const next = 'The results of the records before that are complete. Raise `maxInputBytes`, or split the input';
  const what = `${sentenceInputName(path)} takes the run beyond \`maxInputBytes\`, ${counted(maximum, 'byte')}`;
  throw new VirnucproError('VNP_INPUT_LIMIT', `${what}. ${next}`);
}

/** Parses one input: detects its format, then feeds the parser for it. */
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

  /** Number of records taken so far. */
  get taken(): number {
    return this.#taken;
  }

  abandon(): void {
    this.#parser?.abandon();
  }

  /** Lines skipped before the first record, except comments and blank lines. */
  get skippedLines(): number {
    return this.#parser?.skippedLines ?? 0;
  }

  /**
   * The content is cut off here. What came before can still be taken.
   * @param error why: ArchiveDamage, or what reading threw
   * @returns the error to report
   */
  cutOff(error: unknown): unknown {
    try {
      this.#parse(this.#gate.end(false));
    } catch (ownError) {
      // The format may be undetectable because the content is cut off. Only an error of the parser counts.
      if (this.#parser) return ownError;
    }
    if (!(error instanceof ArchiveDamage)) return error;
    return archiveError(this.#reading.path, error.message, this.#parser?.place ?? 'before its first record');
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
  const { path, blocks, progress, maxInputBytes, signal } = reading;
  const parsing = new InputParsing(reading);
  progress.begin();
  try {
    let failure: unknown;
    let doubt: string | undefined;
    const onDoubt = (text: string): void => void (doubt = text);
    try {
      for await (const content of decompressed(countedBlocks(path, blocks, progress), { inThread: true, onDoubt })) {
        progress.addContent(content);
        checkInputBytes(path, progress.contentBytes, maxInputBytes);
        parsing.add(content);
        yield parsing.take();
      }
      parsing.end();
    } catch (error) {
      failure = parsing.cutOff(error);
    }
    signal?.throwIfAborted();
    const { skippedLines } = parsing;
    if (skippedLines > 0) progress.warn(skippedLinesWarning(skippedLines, path));
    // Records completed before a failure are valid.
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
  const were = lines === 1 ? 'was' : 'were';
  return `${what} before the first record of ${inputName(path)} ${were} skipped: a record begins with a line that starts with ">"`;
}

/**
 * Reads the records of all inputs, in order: FASTA or FASTQ, plain or compressed with gzip, bzip2, xz or zstd. Formats
 * are detected from content. Text before the first `>` is skipped, with a warning in `progress`. Lines end with LF,
 * CRLF or CR. White space, gaps and other non-letters are removed from sequences (docs/input.md); letters keep their
 * case. An empty input has no records. An invalid record has a `problem`; an error that affects a whole input is thrown
 * after the records before it. Memory does not grow with the inputs.
 * @param inputs files, directories (their sequence files by code point), or `-` for standard input
 * @returns the records; the caller must release the sequence of each
 * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT; VNP_OUTPUT when a temporary file cannot be made or
 *   written; the signal's reason
 */
export function readRecords(
  inputs: readonly string[],
  options: ReadOptions = {},
): AsyncIterableIterator<SequenceRecord, undefined> {
  return flattened(recordGroups(inputs, options));
}

/**
 * Reads the records of one stream of bytes, as `readRecords` reads those of a file.
 * @param source the name of the stream in results and messages
 */
export function readStream(
  bytes: AsyncIterable<Uint8Array>,
  source: string,
  options: Omit<ReadOptions, 'standardInput' | 'blockSize'> = {},
): AsyncIterableIterator<SequenceRecord, undefined> {
  return flattened(inputGroups(source, abortable(bytes, options.signal), 0, options));
}

async function* recordGroups(
  inputs: readonly string[],
  given: ReadOptions,
): AsyncGenerator<Iterable<SequenceRecord>, void, undefined> {
  // All inputs add to one count.
  const options = { ...given, progress: given.progress ?? new InputProgress() };
  const { blockSize = 512 * 1024, standardInput, signal } = options;
  let index = 0;
  for (const input of inputs) {
    for (const { path } of await filesOf(input, { letters: options.letters ?? 'dna', signal })) {
      const blocks =
        path === STANDARD_INPUT
          ? abortable(standardInput ?? process.stdin, signal)
          : fileBlocks(path, blockSize, signal);
      index += yield* inputGroups(path, blocks, index, options);
    }
  }
}

/** @returns the number of records */
async function* inputGroups(
  path: string,
  blocks: AsyncIterable<Uint8Array>,
  firstIndex: number,
  options: ReadOptions,
): AsyncGenerator<Iterable<SequenceRecord>, number, undefined> {
  const { progress = new InputProgress(), maxInputBytes, signal } = options;
  const parserOptions = {
    source: path,
    firstIndex,
    memoryLimit: options.memoryLimit ?? MEMORY_LIMIT,
    temporaryFolder: options.temporaryFolder,
    maxLength: options.maxRecordLength,
    letters: options.letters ?? 'dna',
  };
  let count = 0;
  for await (const records of recordsOfInput({ path, blocks, progress, parserOptions, maxInputBytes, signal })) {
    count += records.length;
    yield released(records);
  }
  return count;
}

/** Yields the records one by one. When the consumer stops early, releases those that it never received. */
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
