import { readRecords } from '../../lib/input/records.js';
import type { ReadOptions } from '../../lib/input/records.js';
import type { SequenceRecord } from '../../lib/input/record.js';

/** What a record says, as plain values to compare. */
export interface PlainRecord {
  index: number;
  id: string;
  header: string;
  letters: string;
  ambiguous: number;
}

/** The record's content; its sequence is released. */
export function plain({ index, id, header, ambiguous, sequence }: SequenceRecord): PlainRecord {
  const letters = Buffer.from(sequence.read(0, sequence.length)).toString('utf8');
  sequence.release();
  return { index, id, header, letters, ambiguous };
}

export async function readPlain(inputs: readonly string[], options?: ReadOptions): Promise<PlainRecord[]> {
  const records: PlainRecord[] = [];
  for await (const record of readRecords(inputs, options)) records.push(plain(record));
  return records;
}

/** The classic rules, line by line and in no hurry. */
export function parseNaively(text: string): PlainRecord[] {
  const records: PlainRecord[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.startsWith('>')) {
      const header = line.slice(1).trimEnd();
      records.push({
        index: records.length,
        id: header.trimStart().split(/\s+/)[0]!,
        header,
        letters: '',
        ambiguous: 0,
      });
    } else if (records.length > 0) {
      const record = records.at(-1)!;
      record.letters += line.replace(/[ \t\v\f]/g, '');
      record.ambiguous = Buffer.from(record.letters.replace(/[ACGTacgt]/g, '')).length;
    }
  }
  return records;
}
