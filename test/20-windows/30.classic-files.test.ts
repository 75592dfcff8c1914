import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readRecords } from '../../lib/input/records.js';
import type { ReadOptions } from '../../lib/input/records.js';
import { openReadingFrames } from '../../lib/windows/open-reading-frames.js';
import { readWindows, windowId } from '../../lib/windows/windows.js';
import { fixture } from '../repository.js';

/** The three intermediate files of the classic tool. */
interface ClassicFiles {
  chunks: string;
  nucleotide: string;
  protein: string;
}

async function classicFiles(path: string, chunkSize: number, options?: ReadOptions): Promise<ClassicFiles> {
  const files: ClassicFiles = { chunks: '', nucleotide: '', protein: '' };
  for await (const record of readRecords([path], options)) {
    for (const window of readWindows(record, chunkSize)) {
      const id = windowId(record.id, window.number);
      const letters = Buffer.from(window.letters).toString();
      files.chunks += `>${id}\n${letters.replace(/.{1,60}/g, '$&\n')}`;
      for (const { name, protein, nucleotide } of openReadingFrames(window.letters)) {
        files.nucleotide += `>${id}${name}\n${Buffer.from(nucleotide).toString()}\n`;
        files.protein += `>${id}${name}\n${Buffer.from(protein).toString()}\n`;
      }
    }
    record.sequence.release();
  }
  return files;
}

describe('the classic intermediate files', () => {
  const folder = (name: string) => fixture('golden', 'end_to_end', name);
  const golden = (name: string) => readFileSync(folder(name), 'utf8');

  const ways: Record<string, ReadOptions> = {
    'records in memory': {},
    'records in temporary files': { memoryLimit: 100, blockSize: 997 },
  };
  for (const [name, options] of Object.entries(ways)) {
    it(`are those of the classic tool, byte for byte (${name})`, async () => {
      const files = await classicFiles(folder('input.fa'), 500, options);
      assert.equal(files.chunks, golden('input_chunked500.fa'));
      assert.equal(files.nucleotide, golden('input_identified_nucleotide.fa'));
      assert.equal(files.protein, golden('input_identified_protein.faa'));
    });
  }
});
