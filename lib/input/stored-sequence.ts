import { markAsUntransferable } from 'node:worker_threads';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf, VirnucproError } from '../errors.js';
import { makingRoom } from '../disk.js';
import type { StoredSequence } from './record.js';

/**
 * An array of zeros to cut others out of. No message can transfer its memory: that would empty every view of it, even
 * those still to be read.
 */
function untransferableArray(length: number): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(length);
  markAsUntransferable(array.buffer);
  return array;
}

/** Longer arrays get memory of their own: processing their letters outweighs its cost. */
const MAX_IN_SLAB = 16 * 1024;
const SLAB_LETTERS = 4 * MAX_IN_SLAB;

/**
 * Cuts small arrays of letters out of large ones. An array's own memory lies outside the garbage collector's space:
 * allocating and freeing it costs several times as much as processing the letters of one frame. A slab lives as long as
 * any array that was cut out of it.
 */
export class LetterSlab {
  #slab = new Uint8Array(0);
  #used = 0;

  /** @returns an array of zeros */
  take(count: number): Uint8Array {
    if (count > MAX_IN_SLAB) return untransferableArray(count);
    if (this.#used + count > this.#slab.length) {
      this.#slab = untransferableArray(SLAB_LETTERS);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += count;
    return this.#slab.subarray(start, this.#used);
  }
}

/** @throws VirnucproError VNP_CLOSED after a release, VNP_ARGUMENT for a range outside [0, length] */
function checkRange(start: number, end: number, length: number, open: boolean): void {
  if (!open) throw new VirnucproError('VNP_CLOSED', 'The sequence was released: it can no longer be read');
  if (!(start >= 0 && start <= end && end <= length)) {
    const message = `Expected a range within the ${length} letters of a sequence but received [${start}, ${end})`;
    throw new VirnucproError('VNP_ARGUMENT', message);
  }
}

/** A sequence in memory; `read` returns views, not copies. */
export class MemorySequence implements StoredSequence {
  readonly length: number;
  #letters: Uint8Array | undefined;

  constructor(letters: Uint8Array) {
    this.length = letters.length;
    this.#letters = letters;
  }

  read(start: number, end: number): Uint8Array {
    checkRange(start, end, this.length, this.#letters !== undefined);
    return this.#letters!.subarray(start, end);
  }

  release(): void {
    this.#letters = undefined;
  }
}

/** A sequence of which only the length was kept. */
export class DroppedSequence implements StoredSequence {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  read(): Uint8Array {
    throw new VirnucproError('VNP_CLOSED', 'The sequence is too long and was not kept: it cannot be read');
  }

  release(): void {
    // There is nothing to free.
  }
}

const READ_BLOCK = 256 * 1024;

function temporaryFailure(folder: string, doing: string, cause: unknown): VirnucproError {
  const reason = reasonOf(cause);
  const room = makingRoom(cause, folder);
  const message =
    `Cannot ${doing} a temporary file for a long sequence in ${folder}: ${reason}. ` +
    `${room === undefined ? 'Set' : `${room}, or set`} TMPDIR to a folder with room for the longest sequence`;
  return new VirnucproError('VNP_OUTPUT', message, { cause });
}

/** Letters that are too many for memory, in a file without a name: nothing is left behind, however the process ends. */
export class SequenceSpool {
  readonly #folder: string;
  #descriptor: number;
  #length = 0;

  /** @param folder folder of the file. Default the system's temporary folder (TMPDIR) */
  constructor(folder = tmpdir()) {
    this.#folder = folder;
    const path = join(folder, `virnucpro-${randomUUID()}`);
    try {
      this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      unlinkSync(path);
    } catch (cause) {
      throw temporaryFailure(folder, 'make', cause);
    }
  }

  /** Number of letters written. */
  get length(): number {
    return this.#length;
  }

  write(letters: Uint8Array): void {
    try {
      for (let written = 0; written < letters.length;) {
        written += writeSync(this.#descriptor, letters, written, letters.length - written, this.#length + written);
      }
    } catch (cause) {
      throw temporaryFailure(this.#folder, 'write', cause);
    }
    this.#length += letters.length;
  }

  /** Fills `target` with the letters from `start`. */
  read(target: Uint8Array, start: number): void {
    for (let filled = 0; filled < target.length;) {
      let count: number;
      try {
        count = readSync(this.#descriptor, target, filled, target.length - filled, start + filled);
      } catch (cause) {
        throw temporaryFailure(this.#folder, 'read', cause);
      }
      if (count === 0) throw temporaryFailure(this.#folder, 'read', new Error('unexpected end of file'));
      filled += count;
    }
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** A sequence read back from its spool in blocks; reading it from start to end reads the file once. */
export class SpooledSequence implements StoredSequence {
  readonly length: number;
  #spool: SequenceSpool | undefined;
  #block = new Uint8Array(0);
  #blockStart = 0;

  constructor(spool: SequenceSpool) {
    this.length = spool.length;
    this.#spool = spool;
  }

  read(start: number, end: number): Uint8Array {
    checkRange(start, end, this.length, this.#spool !== undefined);
    if (start < this.#blockStart || end > this.#blockStart + this.#block.length) {
      // A new block each time, since views on the last one stay valid.
      const block = untransferableArray(Math.max(end - start, Math.min(READ_BLOCK, this.length - start)));
      this.#spool!.read(block, start);
      this.#block = block;
      this.#blockStart = start;
    }
    return this.#block.subarray(start - this.#blockStart, end - this.#blockStart);
  }

  release(): void {
    this.#spool?.close();
    this.#spool = undefined;
    this.#block = new Uint8Array(0);
  }
}
