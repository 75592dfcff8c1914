import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fileNameFor, namesInTurn } from '../../lib/embedding-files/file-names.js';
import { EMBEDDING_FORMATS, formatOfPath } from '../../lib/embedding-files/formats.js';
import { optionalPackage } from '../../lib/embedding-files/optional-package.js';

describe('The format of a file', () => {
  it('is its extension', () => {
    for (const format of EMBEDDING_FORMATS) assert.equal(formatOfPath(`some.dir/x.y.${format.toUpperCase()}`), format);
    assert.equal(formatOfPath('x.hdf5'), 'h5');
    assert.equal(formatOfPath('x.feather'), 'arrow');
  });

  it('is unknown for any other', () => {
    for (const path of ['x', 'x.csv', 'parquet', '.npy', 'x.']) {
      assert.throws(() => formatOfPath(path), { code: 'VNP_ARGUMENT', message: /parquet, arrow, npy.*received/ });
    }
  });
});

describe('The file name for an id', () => {
  it('is the id itself if it can be one', () => {
    for (const id of ['a', 'sp|P12345|X_HUMAN', 'séquence', 'a b', '~'])
      assert.equal(fileNameFor(id, '.pt'), `${id}.pt`);
  });

  it('is always one that file systems accept, inside its folder and not hidden', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (id) => {
        const name = fileNameFor(id, '.pt');
        assert.ok(Buffer.byteLength(name) <= 255);
        assert.doesNotMatch(name, /[/\p{Cc}\p{Cs}]|^\./u);
        assert.ok(name.endsWith('.pt') && name.length > 3);
      }),
    );
  });

  it('differs for long ids that differ only at the end', () => {
    const [one, other] = ['1', '2'].map((end) => fileNameFor('蛋'.repeat(200) + end, '.pt'));
    assert.notEqual(one, other);
  });

  it('has a number from its second use on', () => {
    const names = namesInTurn('x');
    assert.deepEqual([names.next().value, names.next().value, names.next().value], ['x', 'x~2', 'x~3']);
  });
});

const NO_PACKAGE: string = 'no-such-package-of-anyone';

describe('A package that is not installed', () => {
  it('is named with the command that installs it', async () => {
    const load = (): Promise<unknown> => import(NO_PACKAGE);
    await assert.rejects(optionalPackage(load, 'apache-arrow', 'write Arrow files'), {
      code: 'VNP_USAGE',
      message:
        'The package apache-arrow, which is needed to write Arrow files, is not installed. Install it with ' +
        '`npm install apache-arrow`',
    });
  });

  it('is told from one that does not load', async () => {
    const load = (): Promise<unknown> => Promise.reject(new Error('bad WebAssembly'));
    await assert.rejects(optionalPackage(load, 'h5wasm', 'write HDF5 files'), /cannot be loaded \(bad WebAssembly\)/);
  });
});
