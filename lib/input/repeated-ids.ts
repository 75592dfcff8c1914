import { counted } from '../errors.js';
import { inputName, printablePath } from './text.js';

/** Three quarters of the slots of a 192 MiB table. */
const MAX_IDS = 12 * 1024 * 1024;
const FIRST_SLOTS = 1024;
/** A slot: both halves of the hash, then the source's number from 1, negative for a repeated id, 0 in a free slot. */
const SLOT_WORDS = 3;

const MAX_EXAMPLES = 5;
/** What repeated ids mean for the tables of a prediction. */
const IN_TABLES =
  'rows can be distinguished only by source and record, and those of the classic files (prediction_results*) not at all';
const MAX_SOURCES = 3;
const MAX_CHARACTERS = 80;

/** Hashes an id to 64 bits, in two halves. With MAX_IDS ids, two collide once in 200,000 runs. */
function hashInto(halves: Int32Array, id: string): void {
  const { length } = id;
  let low = Math.imul(length, 0x165667b1);
  let high = ~low;
  for (let at = 0; at < length; at += 2) {
    const units = id.charCodeAt(at) | (at + 1 < length ? id.charCodeAt(at + 1) << 16 : 0);
    low = Math.imul(low ^ units, 0x9e3779b1);
    low ^= low >>> 15;
    high = Math.imul(high ^ units, 0x85ebca77);
    high ^= high >>> 13;
  }
  low = Math.imul(low ^ (high >>> 16), 0xc2b2ae3d);
  high = Math.imul(high ^ (low >>> 15), 0x27d4eb2f);
  halves[0] = low ^ (high >>> 13);
  halves[1] = high;
}

/**
 * Finds the ids that more than one record has, in one input or several. Hashes are compared in a table that doubles as
 * it fills, with at least 16 bytes for each id. Past the maximum number of ids, or out of memory, comparing stops.
 */
export class RepeatedIds {
  #mostIds: number;
  readonly #hash = new Int32Array(2);
  #table = new Int32Array(0);
  #mask = 0;
  #ids = 0;
  /** Ids that the table can hold: a quarter of its slots stays free. */
  #room = 0;
  #records = 0;
  /** The first record, from 1, whose id is not compared. */
  #uncompared = Infinity;
  #repeated = 0;
  readonly #sources: string[] = [];
  /** The first repeated ids, with the sources of their records. */
  readonly #examples = new Map<string, Set<string>>();
  readonly #consequence: string;

  /**
   * @param mostIds maximum number of different ids to compare
   * @param consequence what repeated ids mean for the results, as the end of a clause that begins with `so`
   */
  constructor(mostIds = MAX_IDS, consequence = IN_TABLES) {
    this.#mostIds = mostIds;
    this.#consequence = consequence;
    this.end();
  }

  /** Adds the next record. */
  enter(id: string, source: string): void {
    if (++this.#records >= this.#uncompared) return;
    if (source !== this.#sources.at(-1)) this.#sources.push(source);
    if (this.#ids === this.#room && this.#room < this.#mostIds) this.#double();
    hashInto(this.#hash, id);
    const at = this.#find(this.#hash[0]!, this.#hash[1]!);
    const first = this.#table[at + 2]!;
    if (first !== 0) this.#repeat(at, first, id);
    else if (this.#ids < this.#room) this.#insert(at);
    else {
      this.#uncompared = this.#records;
      this.end();
    }
  }

  /** Ends the records: frees the table. */
  end(): void {
    this.#table = new Int32Array(FIRST_SLOTS * SLOT_WORDS);
    this.#mask = FIRST_SLOTS - 1;
    this.#ids = 0;
    this.#room = Math.min(this.#mostIds, (FIRST_SLOTS / 4) * 3);
  }

  /** Warnings, a sentence each. */
  get warnings(): readonly string[] {
    const warnings: string[] = [];
    if (this.#repeated > 0) warnings.push(this.#repeatedWarning());
    if (this.#uncompared !== Infinity) {
      warnings.push(`ids are compared only up to record ${this.#uncompared - 1}; repeats after that are not reported`);
    }
    return warnings;
  }

  /** Position of this hash in the table, or of the free slot for it. */
  #find(low: number, high: number): number {
    let slot = low & this.#mask;
    for (;;) {
      const at = slot * SLOT_WORDS;
      if (this.#table[at + 2] === 0 || (this.#table[at] === low && this.#table[at + 1] === high)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }

  #insert(at: number): void {
    this.#table[at] = this.#hash[0]!;
    this.#table[at + 1] = this.#hash[1]!;
    this.#table[at + 2] = this.#sources.length;
    this.#ids++;
  }

  #repeat(at: number, first: number, id: string): void {
    if (first > 0) {
      this.#repeated++;
      this.#table[at + 2] = -first;
      if (this.#examples.size < MAX_EXAMPLES) this.#examples.set(id, new Set([this.#sources[first - 1]!]));
    }
    this.#examples.get(id)?.add(this.#sources.at(-1)!);
  }

  #double(): void {
    const before = this.#table;
    const slots = 2 * (this.#mask + 1);
    try {
      this.#table = new Int32Array(slots * SLOT_WORDS);
    } catch {
      // No memory for a larger table: it stays at this size.
      this.#mostIds = this.#room;
      return;
    }
    this.#mask = slots - 1;
    this.#room = Math.min(this.#mostIds, (slots / 4) * 3);
    for (let from = 0; from < before.length; from += SLOT_WORDS) {
      if (before[from + 2] === 0) continue;
      const at = this.#find(before[from]!, before[from + 1]!);
      this.#table[at] = before[from]!;
      this.#table[at + 1] = before[from + 1]!;
      this.#table[at + 2] = before[from + 2]!;
    }
  }

  #repeatedWarning(): string {
    const examples = [...this.#examples].map(([id, sources]) => `${shownId(id)} (${shownSources([...sources])})`);
    const others = this.#repeated - examples.length;
    return (
      `${counted(this.#repeated, 'id')} ${this.#repeated === 1 ? 'occurs' : 'occur'} more than once, so ${this.#consequence}: ` +
      examples.join(', ') +
      (others > 0 ? ` and ${others} more` : '')
    );
  }
}

function shownId(id: string): string {
  if (id === '') return 'the empty id';
  return printablePath(id.length > MAX_CHARACTERS ? `${id.slice(0, MAX_CHARACTERS)}…` : id);
}

function shownSources(sources: readonly string[]): string {
  const shown = sources.slice(0, MAX_SOURCES).map((path) => (path === '-' ? inputName(path) : printablePath(path)));
  const others = sources.length - shown.length;
  return shown.join(', ') + (others > 0 ? ` and ${others} more` : '');
}
