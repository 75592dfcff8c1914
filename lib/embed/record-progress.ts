import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LanguageModelPart, PooledStates } from '../engine/pool/embedding-work.js';
import { codeOf, reasonOf, VirnucproError } from '../errors.js';
import { areFinite, SequenceStates } from './sequence-states.js';
import type { StatesRequest } from './sequence-states.js';
import type { TokenWindows } from './token-windows.js';

/** What is embedded. It may have any other properties: results refer to it. */
export interface EmbeddingRecord {
  /** For messages. */
  readonly id?: string;
  /** Letters of a protein or of DNA, as ASCII. */
  readonly sequence: string | Uint8Array;
}

/** A record with the states of its sequence, or with the reason why it has none. */
export type EmbeddedRecord<R extends EmbeddingRecord> = {
  /** The caller's own object. */
  readonly record: R;
  /** Position among all records, from 0. */
  readonly index: number;
  /** Letters that were read; 0 if they could not be. */
  readonly length: number;
} & (
  | {
      /** For each pool that was asked for, one array for each layer, in the order of the request. */
      readonly states: PooledStates;
      readonly error?: undefined;
    }
  | { readonly error: VirnucproError; readonly states?: undefined }
);

/** Numbers to add up before other work gets its turn: some milliseconds. */
const NUMBERS_AT_ONCE = 4_000_000;

/** A record on its way through the devices. */
export class RecordProgress<R extends EmbeddingRecord> {
  readonly record: R;
  readonly index: number;
  readonly length: number;
  /** Tokens in all its windows, special tokens included: what it takes of the room for records. At least 1. */
  readonly size: number;
  /** Pieces that are in no batch that has been sent. */
  unsent = 0;
  #result: EmbeddedRecord<R> | undefined;
  readonly #windows: TokenWindows | undefined;
  #states: SequenceStates | undefined;

  constructor(about: Pick<EmbeddedRecord<R>, 'record' | 'index' | 'length'>, windows?: TokenWindows, size = 1) {
    this.record = about.record;
    this.index = about.index;
    this.length = about.length;
    this.size = size;
    this.#windows = windows;
    this.unsent = windows?.count ?? 0;
  }

  /** Undefined until everything about it is known. */
  get result(): EmbeddedRecord<R> | undefined {
    return this.#result;
  }

  /** Settles a record that the device has pooled. */
  succeed(states: PooledStates): void {
    const { record, index, length } = this;
    const layers = Object.values(states).flat();
    if (layers.every(areFinite)) this.#result ??= { record, index, length, states };
    else this.fail(NOT_FINITE);
  }

  /** The first reason counts. @param cause an error, or a reason in words that complete "it cannot be embedded: …" */
  fail(cause: unknown): void {
    const { record, index, length } = this;
    this.#states = undefined;
    this.#result ??= { record, index, length, error: errorOf(record, index, cause) };
  }

  /**
   * Enters the states of the next window, all its tokens for each layer. Windows must come in order.
   * @param request what is wanted of the record
   */
  async enter(
    window: number,
    layers: readonly Float32Array[],
    part: LanguageModelPart,
    request: StatesRequest,
  ): Promise<void> {
    if (this.#result || !this.#windows) return;
    this.#states ??= new SequenceStates(part, this.#windows, request);
    const states = this.#states;
    let numbers = 0;
    for (const [layer, tokens] of layers.entries()) {
      if (!areFinite(tokens)) {
        this.fail(NOT_FINITE);
        return;
      }
      states.enter(window, layer, tokens);
      numbers += tokens.length;
      if (numbers < NUMBERS_AT_ONCE) continue;
      numbers = 0;
      await nextTurn();
    }
    if (window < this.#windows.count - 1) return;
    const { record, index, length } = this;
    this.#result ??= { record, index, length, states: states.pooled() };
    this.#states = undefined;
  }
}

const NOT_FINITE = new VirnucproError(
  'VNP_NATIVE',
  'the model produced a non-finite state; a precision with more range, such as fp32, may help',
);

function errorOf({ id }: EmbeddingRecord, index: number, cause: unknown): VirnucproError {
  const name =
    id === undefined ? `The sequence with the index ${index}` : `The record ${JSON.stringify(id.slice(0, 80))}`;
  const code = typeof cause === 'string' ? 'VNP_INPUT_FORMAT' : codeOf(cause);
  const options = typeof cause === 'string' ? undefined : { cause };
  return new VirnucproError(code, `${name} cannot be embedded: ${reasonOf(cause)}`, options);
}
