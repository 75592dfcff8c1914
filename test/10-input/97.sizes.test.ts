import assert from 'node:assert/strict';
import { readRecords } from '../../lib/input/records.js';
import { useTemporaryFolder } from './temporary-folder.js';

async function* repeated(block: Uint8Array, count: number, head = new Uint8Array(0)): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let turn = 0; turn < count; turn++) yield block;
}

describe('sizes of input', () => {
  const folder = useTemporaryFolder();

  it('may be a record of many megabytes, in a temporary file while it is used', async () => {
    const line = Buffer.from(`${'ACGTN'.repeat(12)}\n`);
    const block = Buffer.concat(Array.from({ length: 5000 }, () => line));
    const lengths: [number, number][] = [];
    const standardInput = repeated(block, 50, Buffer.from('>chromosome\n'));
    for await (const { sequence, ambiguous } of readRecords(['-'], { standardInput })) {
      assert.equal(Buffer.from(sequence.read(14_999_995, 15_000_000)).toString(), 'ACGTN');
      lengths.push([sequence.length, ambiguous]);
      sequence.release();
    }
    assert.deepEqual(lengths, [[15_000_000, 3_000_000]]);
  });

  it('may be very many short records', async () => {
    const records = Array.from({ length: 1000 }, (_, index) => `>read${index}\n${'ACGTTGCAAC'.repeat(10)}\n`).join('');
    let count = 0;
    for await (const { index, sequence } of readRecords(['-'], {
      standardInput: repeated(Buffer.from(records), 100),
    })) {
      assert.equal(index, count++);
      assert.equal(sequence.length, 100);
      sequence.release();
    }
    assert.equal(count, 100_000);
  });

  it('may be headers of 10 kB', async () => {
    const header = `id ${'description '.repeat(850)}end`;
    const path = folder.write('input.fa', `>${header}\nACGT\n`.repeat(100));
    let count = 0;
    for await (const record of readRecords([path])) {
      assert.deepEqual([record.id, record.header], ['id', header]);
      record.sequence.release();
      count++;
    }
    assert.equal(count, 100);
  });

  it('may be nothing at all', async () => {
    const nothing = folder.write('nothing.fa', '');
    for await (const record of readRecords([nothing, '-', nothing], {
      standardInput: repeated(new Uint8Array(0), 3),
    })) {
      assert.fail(record.header);
    }
  });
});
