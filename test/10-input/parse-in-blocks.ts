import type { RecordParser } from '../../lib/input/record.js';
import { plain } from './plain-records.js';
import type { PlainRecord } from './plain-records.js';

/** Pushes the bytes in blocks of these sizes, in rotation, at most 20 each, each in the same memory. */
export function parseInBlocks(parser: RecordParser, text: string, sizes: readonly number[]): PlainRecord[] {
  const bytes = Buffer.from(text);
  const memory = new Uint8Array(20);
  const records: PlainRecord[] = [];
  for (let position = 0, turn = 0; position < bytes.length; turn++) {
    const block = bytes.subarray(position, position + sizes[turn % sizes.length]!);
    memory.set(block);
    parser.push(memory.subarray(0, block.length));
    records.push(...parser.take().map(plain));
    memory.fill(0);
    position += block.length;
  }
  parser.finish();
  return [...records, ...parser.take().map(plain)];
}
