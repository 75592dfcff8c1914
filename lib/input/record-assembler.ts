import type { SequenceRecord } from './record.js';
import type { RecordParserOptions } from './record-parser.js';
import { sequenceProblem } from './record-problem.js';
import { SequenceBuilder } from './sequence-builder.js';
import type { SequenceForms } from './sequence-forms.js';

/** Puts records together from their headers and sequences; both parsers end here. */
export class RecordAssembler {
  readonly #options: RecordParserOptions;
  readonly builder: SequenceBuilder;
  #header = '';
  #line = 0;
  #complete: SequenceRecord[] = [];
  #count = 0;
  #bytesOfEarlier = 0;

  constructor(options: RecordParserOptions, forms: SequenceForms) {
    this.#options = options;
    this.builder = new SequenceBuilder(options, forms);
  }

  /** Records that were ended. */
  get count(): number {
    return this.#count;
  }

  /** The line of the last record's header. */
  get line(): number {
    return this.#line;
  }

  get recordBytes(): number {
    return this.#bytesOfEarlier + this.builder.length;
  }

  /**
   * A record begins.
   * @param line of its header
   * @param lastByte that ended the header
   */
  begin(header: string, line: number, lastByte: number): void {
    this.#header = header;
    this.#line = line;
    // The sign before it and the line end behind it.
    this.#bytesOfEarlier += header.length + 2;
    this.builder.begin(line + 1, lastByte);
  }

  /** @param problem what is wrong with it apart from its letters */
  end(problem = ''): void {
    const { sequence, ambiguous, uracil, gaps, protein, strangeByte } = this.builder.finish();
    const { length } = sequence;
    this.#bytesOfEarlier += length;
    const found = sequenceProblem({ length, protein, strangeByte }, this.#line) || problem;
    this.#complete.push({
      index: this.#options.firstIndex + this.#count++,
      id: /\S+/.exec(this.#header)?.[0] ?? '',
      header: this.#header,
      source: this.#options.source,
      ...{ ambiguous, uracil, gaps },
      ...(found && { problem: found }),
      sequence,
    });
  }

  take(): SequenceRecord[] {
    const records = this.#complete;
    this.#complete = [];
    return records;
  }

  abandon(): void {
    for (const record of this.take()) record.sequence.release();
    this.builder.abandon();
  }
}
