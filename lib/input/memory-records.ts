import { setImmediate as nextTurn } from 'node:timers/promises';
import { isUint8Array } from 'node:util/types';
import { expected, typeOf } from '../errors.js';
import { abortable } from './abortable.js';
import { flattened } from './flattened.js';
import { InputProgress } from './input-progress.js';
import { LINE_FEED } from './nucleotide-bytes.js';
import { RecordAssembler } from './record.js';
import type { SequenceRecord } from './record.js';
import { checkInputBytes, MEMORY_LIMIT } from './records.js';
import type { ReadOptions } from './records.js';
import { MemoryForms } from './sequence-forms.js';

/** A sequence in memory: text, or its bytes in ASCII. */
export type MemoryLetters = string | Uint8Array;

/** A record in memory. It may have any other properties: results carry the object itself. */
export interface InputRecord {
  /** Not empty, and without control characters; need not be unique. */
  readonly id: string;
  /**
   * Read as the lines below a FASTA header are (docs/input.md): white space, line ends and gaps are left out, U is T, and
   * a letter that is no nucleotide makes the record `invalid`. Bytes are copied as soon as the record is taken.
   */
  readonly sequence: MemoryLetters;
}

/** Records in memory, or from anywhere, one by one. */
export type InputRecords<R extends InputRecord> = Iterable<R> | AsyncIterable<R>;

/** Letters of a sequence that are encoded and copied at a time. */
const TAKEN_AT_ONCE = 64 * 1024;
/** Letters of a sequence that takes longer than a turn. */
const LONG = 256 * 1024;
/** Milliseconds of work before everything else gets a turn. */
const MAX_TURN = 10;

/**
 * Reads records that a caller has in memory. Each is requested only when it is needed. When the reader is abandoned or
 * aborted, the `return` of the caller's iterator is called; what the iterator throws is thrown as it is.
 * @param source the name of the records in results and messages
 * @returns the records; the caller must release the sequence of each
 * @throws VirnucproError VNP_ARGUMENT for what is not an InputRecord, VNP_INPUT_LIMIT, VNP_OUTPUT when a temporary file
 *   cannot be made or written; the signal's reason
 */
export function readMemory(
  records: InputRecords<InputRecord>,
  source: string,
  options: Omit<ReadOptions, 'standardInput' | 'blockSize' | 'letters'> = {},
): AsyncIterableIterator<SequenceRecord, undefined> {
  const reader = new MemoryReader(source, options);
  return flattened(
    Symbol.asyncIterator in records ? asyncGroups(records, reader, options.signal) : syncGroups(records, reader),
  );
}

/**
 * Short records in one group, so that they cost no asynchronous step; before a long one the group ends, because that is
 * read bit by bit.
 */
async function* syncGroups(
  records: Iterable<InputRecord>,
  reader: MemoryReader,
): AsyncGenerator<Iterable<SequenceRecord>> {
  const iterator = records[Symbol.iterator]();
  // An iterator that has ended or has thrown is not asked to return.
  const state: { isOpen: boolean; long: InputRecord | undefined } = { isOpen: false, long: undefined };
  const takeShort = function* (): Generator<SequenceRecord> {
    for (;;) {
      state.isOpen = false;
      const next = iterator.next();
      if (next.done) return;
      state.isOpen = true;
      if (isLong(next.value)) {
        state.long = next.value;
        return;
      }
      yield reader.read(next.value);
    }
  };
  const takeLong = (): InputRecord | undefined => {
    const { long } = state;
    state.long = undefined;
    return long;
  };
  try {
    do {
      yield takeShort();
      const long = takeLong();
      if (long) yield [await reader.readLong(long)];
    } while (state.isOpen);
  } finally {
    if (state.isOpen) iterator.return?.();
  }
}

async function* asyncGroups(
  records: AsyncIterable<InputRecord>,
  reader: MemoryReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<Iterable<SequenceRecord>> {
  for await (const record of abortable(records, signal)) {
    yield [isLong(record) ? await reader.readLong(record) : reader.read(record)];
  }
}

/** Turns records in memory into those that a run reads. */
class MemoryReader {
  readonly #source: string;
  readonly #progress: InputProgress;
  readonly #maxInputBytes: number | undefined;
  readonly #assembler: RecordAssembler;

  constructor(source: string, options: ReadOptions) {
    this.#source = source;
    this.#progress = options.progress ?? new InputProgress();
    this.#maxInputBytes = options.maxInputBytes;
    this.#assembler = new RecordAssembler(
      {
        source,
        firstIndex: 0,
        memoryLimit: options.memoryLimit ?? MEMORY_LIMIT,
        temporaryFolder: options.temporaryFolder,
        maxLength: options.maxRecordLength,
      },
      new MemoryForms(),
    );
  }

  read(given: InputRecord): SequenceRecord {
    const reading = this.#reading(given);
    for (;;) {
      const { done, value } = reading.next();
      if (done) return value;
    }
  }

  /** Lets everything else have a turn now and then. */
  async readLong(given: InputRecord): Promise<SequenceRecord> {
    const reading = this.#reading(given);
    for (let turnStart = performance.now(); ;) {
      const { done, value } = reading.next();
      if (done) return value;
      if (performance.now() - turnStart < MAX_TURN) continue;
      await nextTurn();
      turnStart = performance.now();
    }
  }

  /** Yields after each piece. */
  *#reading(given: InputRecord): Generator<void, SequenceRecord> {
    const { id, sequence } = checkedRecord(given, this.#assembler.count);
    this.#progress.addBytes(sequence.length);
    checkInputBytes(this.#source, this.#progress.contentBytes, this.#maxInputBytes);
    const before = this.#assembler.recordBytes;
    this.#assembler.begin(id, 0, LINE_FEED);
    const { builder } = this.#assembler;
    for (let start = 0; start < sequence.length; start += TAKEN_AT_ONCE) {
      const end = start + TAKEN_AT_ONCE;
      builder.append(
        typeof sequence === 'string' ? Buffer.from(sequence.slice(start, end)) : sequence.subarray(start, end),
        0,
      );
      yield;
    }
    this.#assembler.end();
    this.#progress.recordBytes += this.#assembler.recordBytes - before;
    const [record] = this.#assembler.take();
    return { ...record!, id, header: id, given };
  }
}

/** Whether a record, or what was given for one, has a long sequence. */
function isLong(given: unknown): boolean {
  const { sequence } = (given ?? {}) as { readonly sequence?: { readonly length?: unknown } | null };
  return Number(sequence?.length) > LONG;
}

/** @throws VirnucproError VNP_ARGUMENT */
function checkedRecord(given: unknown, index: number): InputRecord {
  const place = `the record at index ${index}`;
  if (typeof given !== 'object' || given === null) {
    throw expected('VNP_ARGUMENT', 'an object with an id and a sequence', place, typeOf(given));
  }
  const { id, sequence } = given as { readonly id?: unknown; readonly sequence?: unknown };
  // eslint-disable-next-line no-control-regex
  if (typeof id !== 'string' || id === '' || /[\u0000-\u001f\u007f]/.test(id)) {
    const received = typeof id === 'string' ? JSON.stringify(id.slice(0, 40)) : typeOf(id);
    throw expected(
      'VNP_ARGUMENT',
      'a string, not empty and without control characters',
      `the id of ${place}`,
      received,
    );
  }
  if (typeof sequence !== 'string' && !isUint8Array(sequence)) {
    throw expected('VNP_ARGUMENT', 'a string or a Uint8Array', `the sequence of ${place}`, typeOf(sequence));
  }
  return { id, sequence };
}
