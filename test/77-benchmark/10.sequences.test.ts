import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastaSequences, generatedSequences } from '../../lib/benchmark/sequences.js';

const text = (letters: Uint8Array): string => Buffer.from(letters).toString('latin1');

describe('the sequences of a benchmark', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-benchmark-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const write = (content: string): string => {
    const path = join(folder, 'input.fa');
    writeFileSync(path, content);
    return path;
  };

  it('are generated as long as windows and the proteins of their frames are', () => {
    const lengths = (part: 'dna' | 'protein', window: number): number[] =>
      generatedSequences({ part, limit: 4, window }).map(({ length }) => length);
    assert.deepEqual(lengths('dna', 500), [500, 500, 500, 500]);
    assert.deepEqual(lengths('protein', 500), [166, 166, 166, 166]);
    assert.deepEqual(lengths('protein', 300), [100, 99, 99, 100]);
  });

  it('are generated of every base and every amino acid, the same each time', () => {
    const letters = (part: 'dna' | 'protein'): string =>
      generatedSequences({ part, limit: 20, window: 500 }).map(text).join('');
    assert.deepEqual([...new Set(letters('dna'))].sort().join(''), 'ACGT');
    assert.deepEqual([...new Set(letters('protein'))].sort().join(''), 'ACDEFGHIKLMNPQRSTVWY');
    assert.equal(letters('dna'), letters('dna'));
  });

  it('of DNA are the windows of the records in upper case, the first of them', async () => {
    const letters = 'ACGTN'.repeat(119);
    const path = write(`>one\n${letters.toLowerCase()}\n>empty\n>short\nacg\n`);
    const windows = async (limit: number): Promise<string[]> =>
      (await fastaSequences(path, { part: 'dna', limit, window: 300 })).map(text);
    const all = await windows(100);
    assert.deepEqual(
      all.map(({ length }) => length),
      [300, 298, 3],
    );
    assert.equal(all[0], letters.slice(0, 300));
    assert.equal(all[1], letters.slice(-all[1]!.length));
    assert.equal(all[2], 'ACG');
    assert.deepEqual(await windows(2), all.slice(0, 2));
    assert.deepEqual(await windows(3), all);
  });

  it('of proteins are the records as they are, without the stop at the end', async () => {
    const path = write('>a\nmkV\n>none\n>b\nMKL*\n>c\nXBZ\n');
    const request = { part: 'protein', window: 500 } as const;
    assert.deepEqual((await fastaSequences(path, { ...request, limit: 9 })).map(text), ['MKV', 'MKL', 'XBZ']);
    assert.deepEqual((await fastaSequences(path, { ...request, limit: 1 })).map(text), ['MKV']);
  });

  it('are refused where a letter has no token, naming the record', async () => {
    const reading = fastaSequences(write('>a\nMKV\n>b\nMK*V\n'), { part: 'protein', limit: 9, window: 500 });
    await assert.rejects(reading, {
      code: 'VNP_INPUT_FORMAT',
      message: /record "b" .*input\.fa contains "\*", which is not one of the protein letters/,
    });
  });

  it('are refused as proteins where a long one can only be DNA', async () => {
    const read = (record: string) => fastaSequences(write(record), { part: 'protein', limit: 9, window: 500 });
    await assert.rejects(read(`>contig_1\n${'acgtn'.repeat(41)}\n`), {
      code: 'VNP_INPUT_FORMAT',
      message: /record "contig_1" .*input\.fa is not a protein: it consists of 205 letters of DNA\. .*`dna`/,
    });
    assert.equal((await read(`>short\n${'ACGTN'.repeat(40)}\n`)).length, 1);
    assert.equal((await read(`>protein\n${'ACGTN'.repeat(41)}M\n`)).length, 1);
  });

  it('are at least one', async () => {
    const reading = fastaSequences(write('>a\n'), { part: 'dna', limit: 9, window: 500 });
    await assert.rejects(reading, { code: 'VNP_INPUT_FORMAT', message: /at least one sequence/ });
  });
});
