import assert from 'node:assert/strict';
import { CheckpointFile } from '../../lib/models/checkpoint/checkpoint-file.js';
import { ZipFile } from '../../lib/models/checkpoint/zip.js';
import { fails } from './failures.js';
import { storedZip } from './stored-zip.js';
import { temporaryFolder } from './temporary-folder.js';

describe('zip files', () => {
  const folder = temporaryFolder();
  const first = { name: 'model/first', bytes: Buffer.from('one') };
  const second = { name: 'model/second', bytes: Buffer.from('seven') };

  const use = <T>(bytes: Uint8Array, action: (zip: ZipFile) => Promise<T>): Promise<T> =>
    CheckpointFile.use(folder.write('x.zip', bytes), async (file) => action(await ZipFile.open(file)));

  for (const zip64 of [false, true]) {
    it(`locates entries ${zip64 ? 'of zip64' : 'of plain zip'}`, async () => {
      const bytes = storedZip([first, second], { zip64, comment: 'a comment' });
      await use(bytes, async (zip) => {
        assert.deepEqual([...zip.entries.keys()], ['model/first', 'model/second']);
        assert.equal((await zip.read('model/first', 10)).toString(), 'one');
        const { offset, size } = await zip.locate('model/second');
        assert.equal(bytes.toString('utf8', offset, offset + size), 'seven');
      });
    });
  }

  it('refuses a compressed entry by name, and only when it is asked for', async () => {
    await use(storedZip([first, { ...second, method: 8 }]), async (zip) => {
      assert.equal((await zip.read('model/first', 10)).toString(), 'one');
      await fails('VNP_CHECKPOINT', /"model\/second" is compressed/, () => zip.locate('model/second'));
    });
  });

  it('refuses entries that are missing, too large, doubled or differently named', async () => {
    await use(storedZip([first]), async (zip) => {
      await fails('VNP_CHECKPOINT', /no entry "model\/third"/, () => zip.locate('model/third'));
      await fails('VNP_CHECKPOINT', /3 bytes, more than 2/, () => zip.read('model/first', 2));
    });
    await fails('VNP_CHECKPOINT', /two zip entries/, () => use(storedZip([first, first]), async () => {}));
    await use(storedZip([{ ...first, localName: 'model/other' }]), (zip) =>
      fails('VNP_CHECKPOINT', /another name/, () => zip.locate('model/first')),
    );
  });

  it('refuses an entry that reaches into the directory', async () => {
    const bytes = storedZip([first]);
    const directory = bytes.indexOf('PK\x01\x02');
    bytes.writeUInt32LE(500, directory + 20);
    bytes.writeUInt32LE(500, directory + 24);
    await use(bytes, (zip) => fails('VNP_CHECKPOINT', /reaches beyond the data/, () => zip.locate('model/first')));
  });

  it('refuses a directory that claims too much', async () => {
    const bytes = storedZip([first], { zip64: true });
    const record = bytes.indexOf('PK\x06\x06');
    bytes.writeBigUInt64LE(2n ** 63n, record + 40);
    await fails('VNP_CHECKPOINT', /impossible size/, () => use(bytes, async () => {}));
    bytes.writeBigUInt64LE(2n ** 40n, record + 40);
    await fails('VNP_CHECKPOINT', /zip directory claims/, () => use(bytes, async () => {}));
  });

  it('says that a zip file without a directory is truncated', async () => {
    const bytes = storedZip([first, second]);
    await fails('VNP_CHECKPOINT', /truncated/, () => use(bytes.subarray(0, bytes.length - 30), async () => {}));
  });
});
