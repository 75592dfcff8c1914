import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { checkInputs } from './input-files.js';
import type { FilesOptions, InputFile } from './input-files.js';
import { readMemory } from './memory-records.js';
import type { InputRecord, InputRecords } from './memory-records.js';
import type { SequenceRecord } from './record.js';
import { readRecords, readStream } from './records.js';
import type { ReadOptions } from './records.js';

/** Where the records of a run come from: files, a stream of bytes, or memory. */
export interface RecordSource {
  /** What was given, in words or as paths. */
  readonly inputs: readonly string[];
  /** Whether the records are in files, and so can be read again. */
  readonly areFiles: boolean;
  /** What there is to read. Checks files as `checkInputs` does, and throws what it throws. */
  files(options: FilesOptions): Promise<readonly InputFile[]>;
  /**
   * Reads the records, once.
   * @param files what `files` returned
   * @returns the records; the caller must release the sequence of each
   */
  read(files: readonly InputFile[], options: ReadOptions): AsyncIterableIterator<SequenceRecord, undefined>;
}

/** Bytes that come bit by bit: a Node stream, a web stream, or any other async iterable. */
export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** @param inputs files, directories, or `-` */
export function fileSource(inputs: readonly string[]): RecordSource {
  return {
    inputs,
    areFiles: true,
    files: (options) => checkInputs(inputs, options),
    read: (files, options) =>
      readRecords(
        files.map(({ path }) => path),
        options,
      ),
  };
}

/** @param name the stream in results and messages */
export function streamSource(bytes: ByteStream, name: string): RecordSource {
  return {
    ...sizeless(name),
    read: (_, options) => {
      // Only a Node stream can be ended while it waits for bytes. Made no earlier: it throws, uncaught, if it fails
      // before it is read.
      const stream = 'getReader' in bytes ? Readable.fromWeb(bytes) : bytes;
      return readStream(stream, name, options);
    },
  };
}

/** @param name the records in results and messages */
export function memorySource(records: InputRecords<InputRecord>, name: string): RecordSource {
  return { ...sizeless(name), read: (_, options) => readMemory(records, name, options) };
}

function sizeless(name: string): Pick<RecordSource, 'inputs' | 'areFiles' | 'files'> {
  return { inputs: [name], areFiles: false, files: () => Promise.resolve([{ path: name, size: undefined }]) };
}
