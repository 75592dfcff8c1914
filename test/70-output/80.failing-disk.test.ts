import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { ParquetBytes } from '../../lib/output/parquet-bytes.js';
import { BufferedFile, openNewFile, type OpenFile, type WritableHandle } from '../../lib/output/buffered-file.js';
import { openResultDirectory, type ResultDirectory } from '../../lib/output/result-directory.js';
import { contigResult, countsOf, optionsIn, runDescription, temporaryFolder, windowResult } from './results.js';

/** Opens the named file on a full disk, the others in their places. */
function fullDiskFor(name: string): OpenFile {
  return (path) => (basename(path) === name ? open('/dev/full', 'w') : openNewFile(path));
}

const manyWindows = Array.from({ length: 4000 }, (_, index) => windowResult('a', index + 1));
const contig = contigResult('a', 'ACGT', { windows: manyWindows.length, verdict: 'virus' });
const runOf = (results: Parameters<typeof countsOf>[0]) => runDescription(countsOf(results));

describe('A disk that fails', () => {
  let directory: ResultDirectory;
  // Registered before the hook that removes the folder, so it runs first.
  afterEach(async () => {
    await directory.abort();
    assert.deepEqual(readdirSync(folder.path), [], 'nothing is left');
  });
  const folder = temporaryFolder();

  async function openFailing(name: string, changes = {}): Promise<void> {
    directory = await openResultDirectory(optionsIn(folder.path, { openFile: fullDiskFor(name), ...changes }));
  }

  for (const name of [
    'windows.tsv',
    'contigs.tsv',
    'virus.fna',
    'prediction_results.txt',
    'prediction_results_highestscore.csv',
  ]) {
    it(`is an error of finish that names ${name}`, async () => {
      await openFailing(name);
      const results = [windowResult('a', 1), { ...contig, windows: 1 }];
      for (const result of results) await directory.write(result);
      const message = new RegExp(`out/${name.replaceAll('.', '\\.')} cannot be written: .*ENOSPC.*Free some space`);
      await assert.rejects(directory.finish(runOf(results)), { code: 'VNP_OUTPUT', message });
    });
  }

  it('is an error of a later write, before the run has ended', async () => {
    await openFailing('windows.tsv');
    const writing = async (): Promise<void> => {
      for (const window of manyWindows) await directory.write(window);
    };
    await assert.rejects(writing(), { code: 'VNP_OUTPUT', message: /windows\.tsv.*ENOSPC/ });
  });

  it('is an error when it happens while sorting', async () => {
    await openFailing('sorted-2.run', { sortRunBytes: 1000 });
    const writing = async (): Promise<void> => {
      for (const window of manyWindows) await directory.write(window);
    };
    await assert.rejects(writing(), { code: 'VNP_OUTPUT', message: /sorted-2\.run.*ENOSPC/ });
  });

  it('stays quiet when nobody looks at the promise of the write', async () => {
    await openFailing('windows.tsv');
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    for (const window of manyWindows) void directory.write(window);
    await assert.rejects(directory.finish(runOf(manyWindows)), { code: 'VNP_OUTPUT' });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    assert.deepEqual(unhandled, []);
  });
});

describe('A buffered file', () => {
  class SlowHandle implements WritableHandle {
    written = '';
    inFlight = 0;
    mostInFlight = 0;
    closed = 0;

    /** Writes at most 1000 bytes at a time, as a pipe may. */
    async write(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }> {
      this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      this.inFlight--;
      const bytesWritten = Math.min(1000, length);
      this.written += Buffer.from(buffer.subarray(offset, offset + bytesWritten)).toString('latin1');
      return { bytesWritten };
    }

    sync(): Promise<void> {
      return Promise.resolve();
    }

    close(): Promise<void> {
      this.closed++;
      return Promise.resolve();
    }
  }

  const fileOn = (handle: WritableHandle): BufferedFile =>
    new BufferedFile({ path: 'x', shownPath: 'x', open: () => Promise.resolve(handle) });

  it('asks to wait when a block is being written and the next is full, and keeps the order', async () => {
    const handle = new SlowHandle();
    const file = fileOn(handle);
    const block = 'a'.repeat(64 * 1024);
    assert.equal(file.append(block), undefined);
    assert.equal(file.append('b'), undefined);
    const wait = file.append(block);
    assert.ok(wait instanceof Promise);
    await wait;
    await file.appendBytes(Buffer.from('c'));
    void file.append('d');
    const { bytes } = await file.close();
    assert.equal(handle.written, `${block}b${block}cd`);
    assert.equal(bytes, handle.written.length);
    assert.equal(handle.mostInFlight, 1);
    assert.equal(handle.closed, 1);
  });

  it('fails once for bytes of Parquet before others that are passed on', async () => {
    const failing = { path: 'x', shownPath: 'x', open: () => Promise.reject(new Error('ENOSPC')) };
    const parquet = new ParquetBytes(new BufferedFile(failing));
    const block = new Uint8Array(64 * 1024);
    parquet.appendBytes(block);
    await parquet.flush();
    await new Promise((resolve) => setImmediate(resolve));
    parquet.appendBytes(block);
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    await assert.rejects(async () => parquet.passOn(block), { code: 'VNP_OUTPUT', message: /ENOSPC/ });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    assert.deepEqual(unhandled, []);
  });

  it('reports a failure of sync, as of a quota, and of close', async () => {
    for (const name of ['sync', 'close'] as const) {
      const handle = new SlowHandle();
      handle[name] = () => Promise.reject(Object.assign(new Error('EDQUOT: quota'), { code: 'EDQUOT' }));
      await assert.rejects(fileOn(handle).close(), { code: 'VNP_OUTPUT', message: /quota/ });
    }
  });
});
