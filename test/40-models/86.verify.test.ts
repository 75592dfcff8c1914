import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type PinnedFile, verifyFiles } from '../../lib/models/trust/verify.js';
import { fails } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
/** Long after every change, so that no file is too young to be remembered. */
const later = (): number => Date.now() + 3_600_000;

describe('files that are verified', () => {
  const folder = temporaryFolder();
  const memory = (): string => join(folder.path, 'cache', 'verified.json');

  function pinned(name: string, content: string): PinnedFile {
    return { path: folder.write(name, content), sha256: sha256(content), bytes: content.length };
  }
  /** @returns bytes read from large files */
  async function verify(
    files: readonly PinnedFile[],
    options: Parameters<typeof verifyFiles>[1] = {},
  ): Promise<number> {
    let read = 0;
    const onRead = (bytes: number): void => void (read += bytes);
    await verifyFiles(files, { memory: memory(), large: 4, now: later, onRead, ...options });
    return read;
  }
  /** Changes a byte, and restores the file's times. */
  function tamper(path: string): void {
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    bytes[0]! ^= 1;
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
  }

  it('are read once, until they change', async () => {
    const files = [pinned('one', 'content'), pinned('two', 'more content'), pinned('small', 'few')];
    assert.equal(await verify(files), 7 + 12);
    assert.equal(await verify(files), 0);
    writeFileSync(files[0]!.path, 'content');
    assert.equal(await verify(files), 7);
    assert.equal(await verify(files), 0);
    assert.equal(await verify(files, { again: true }), 7 + 12);
  });

  it('are refused when one was tampered with, though its size and time are as they were', async () => {
    const files = [pinned('one', 'content'), pinned('two', 'more content'), pinned('small', 'few')];
    await verify(files);
    for (const { path, sha256: wanted } of files) {
      tamper(path);
      const words = new RegExp(`^The SHA-256 of ${path} is [0-9a-f]{64} instead of ${wanted}\\.`);
      for (let time = 0; time < 2; time++) await fails('VNP_MODEL_INVALID', words, () => verify(files));
      tamper(path);
    }
    await verify(files);
  });

  it('are refused when they cannot be read', async () => {
    const file = pinned('one', 'content');
    await fails('VNP_MODEL_INVALID', /^The archive .*gone.* cannot be read/, () =>
      verify([file, { ...file, path: join(folder.path, 'gone') }]),
    );
    mkdirSync(join(folder.path, 'folder'));
    await fails('VNP_MODEL_INVALID', /^The archive .*folder.* cannot be read: .*EISDIR/, () =>
      verify([{ ...file, path: join(folder.path, 'folder') }]),
    );
  });

  it('are not remembered for another hash', async () => {
    const file = pinned('one', 'content');
    await verify([file]);
    await fails('VNP_MODEL_INVALID', /^The SHA-256 of .* instead of 0{64}\./, () =>
      verify([{ ...file, sha256: '0'.repeat(64) }]),
    );
  });

  it('are read again when they had changed a moment before', async () => {
    const files = [pinned('one', 'content')];
    for (let time = 0; time < 2; time++) assert.equal(await verify(files, { now: Date.now }), 7);
    assert.ok(!existsSync(memory()));
  });

  it('are read each time where nothing can be remembered', async () => {
    const files = [pinned('one', 'content')];
    folder.write('cache', 'a file where a folder should be');
    for (let time = 0; time < 2; time++) assert.equal(await verify(files), 7);
  });

  it('are read again where the memory is damaged or open to others', async () => {
    const files = [pinned('one', 'content')];
    const path = memory();
    await verify(files);
    const text = readFileSync(path, 'utf8');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const spoils: (() => void)[] = [
      () => writeFileSync(path, text.slice(0, -5)),
      () => writeFileSync(path, text.replace('"format": 1', '"format": 2')),
      () => writeFileSync(path, '[]'),
      () => writeFileSync(path, '{"format":1,"files":{"x":1,"y":{}}}'),
      () => writeFileSync(path, Buffer.alloc(2_000_000, ' ')),
      () => chmodSync(path, 0o620),
      () => {
        writeFileSync(`${path}.elsewhere`, text, { mode: 0o600 });
        symlinkSync(`${path}.elsewhere`, path);
      },
    ];
    for (const spoil of spoils) {
      rmSync(path, { force: true });
      writeFileSync(path, text, { mode: 0o600 });
      assert.equal(await verify(files), 0, spoil.toString());
      if (spoil === spoils.at(-1)) rmSync(path);
      spoil();
      assert.equal(await verify(files), 7, spoil.toString());
      assert.equal(await verify(files), 0, spoil.toString());
    }
  });

  it('are remembered with those of other processes, and leave no other file', async () => {
    const files = Array.from({ length: 8 }, (_, index) => pinned(`file ${index}`, `content ${index}`));
    await verify(files.slice(0, 4));
    await verify(files.slice(4));
    assert.equal(await verify(files), 0);
    await Promise.all(files.map((file) => verify([file], { again: true })));
    assert.deepEqual(readdirSync(join(folder.path, 'cache')), ['verified.json']);
  });
});
