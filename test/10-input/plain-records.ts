import { readRecords } from '../../lib/input/records.js';
import type { ReadOptions } from '../../lib/input/records.js';
import type { SequenceRecord } from '../../lib/input/record.js';

/** A record as plain values to compare. */
export interface PlainRecord {
  index: number;
  id: string;
  header: string;
  letters: string;
  ambiguous: number;
  uracil: number;
  gaps: number;
  isSound: boolean;
}

/** The record's values; releases its sequence. */
export function plain({ index, id, header, ambiguous, uracil, gaps, problem, sequence }: SequenceRecord): PlainRecord {
  const letters = Buffer.from(sequence.read(0, sequence.length)).toString('latin1');
  sequence.release();
  return { index, id, header, letters, ambiguous, uracil, gaps, isSound: problem === undefined };
}

export async function readPlain(inputs: readonly string[], options?: ReadOptions): Promise<PlainRecord[]> {
  const records: PlainRecord[] = [];
  for await (const record of readRecords(inputs, options)) records.push(plain(record));
  return records;
}

/** A well-formed record of these letters alone. */
export function soundRecord(index: number, header: string, letters: string): PlainRecord {
  const count = (kind: RegExp): number => letters.match(kind)?.length ?? 0;
  const id = header.trimStart().split(/\s+/)[0]!;
  const counts = { ambiguous: count(/[^ACGTUacgtu]/g), uracil: count(/[Uu]/g), gaps: 0 };
  return { index, id, header, letters, ...counts, isSound: true };
}

const LINE_START = '^(?:[ \\t\\v\\f]|\\xef\\xbb\\xbf)*';

/** Parses FASTA by the rules of docs/input.md, record by record and line by line, without regard to speed. */
export function parseNaively(text: string): PlainRecord[] {
  const records: { header: string; lines: string[] }[] = [];
  for (const line of Buffer.from(text)
    .toString('latin1')
    .split(/\r\n|\r|\n/)) {
    const [, header] = new RegExp(`${LINE_START}>(.*)$`, 's').exec(line) ?? [];
    if (header !== undefined) records.push({ header, lines: [] });
    else if (!new RegExp(`${LINE_START}[;#!]`).test(line)) records.at(-1)?.lines.push(line);
  }
  return records.map(({ header, lines }, index) => {
    const whole = lines.map(withoutNumbers).join('');
    const gaps = whole.match(/[-.]/g)?.length ?? 0;
    const sequence = whole.replace(/[ \t\v\f.-]/g, '').replace(/\*+$/, '');
    const isSound = /^[ACGTURYSWKMBDHVNX]*$/i.test(sequence);
    const decoded = Buffer.from(header, 'latin1').toString('utf8').trimEnd();
    return { ...soundRecord(index, decoded, sequence.replace(/[*\d]/g, '')), gaps, isSound };
  });
}

/** Removes GenBank's numbers before the letters of a line, EMBL's after them, and a byte order mark at the start. */
function withoutNumbers(line: string): string {
  const sequence = line.replace(new RegExp(LINE_START), '');
  const [, , letters, last = ''] = /^(\d+[ \t\v\f]+)?(.*?)([ \t\v\f]\d+[ \t\v\f]*)?$/s.exec(sequence)!;
  return /[^ \t\v\f.*\d-]/.test(letters!) ? letters! : sequence + last;
}
