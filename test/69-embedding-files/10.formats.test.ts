import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { fileNameFor, NamesInTurn } from '../../lib/embedding-files/file-names.js';
import { EMBEDDING_FORMATS, formatOfPath } from '../../lib/embedding-files/formats.js';
import { OPTIONAL_VERSIONS, optionalPackage } from '../../lib/embedding-files/optional-package.js';
import { repositoryRoot } from '../repository.js';
import { temporaryFolder } from './sequences.js';

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
    const names = new NamesInTurn();
    const tried = (text: string, taken: ReadonlySet<string>): string[] => {
      const all: string[] = [];
      for (const name of names.for(text)) {
        all.push(name);
        if (!taken.has(name)) break;
      }
      return all;
    };
    const taken = new Set(['x~3']);
    const all = ['x', 'x', 'x', 'y', 'x'].map((text) => {
      const attempts = tried(text, taken);
      taken.add(attempts.at(-1)!);
      return attempts;
    });
    // The last one does not begin anew.
    assert.deepEqual(all, [['x'], ['x', 'x~2'], ['x~3', 'x~4'], ['y'], ['x~5']]);
  });
});

describe('A package that is not installed', () => {
  const folder = temporaryFolder();

  it('is named with the command that installs it', async () => {
    const module = join(folder.path, 'module.mjs');
    writeFileSync(module, "import 'apache-arrow';");
    const load = (): Promise<unknown> => import(pathToFileURL(module).href);
    await assert.rejects(optionalPackage(load, 'apache-arrow', 'write Arrow files'), {
      code: 'VNP_USAGE',
      message:
        'The package apache-arrow, which is needed to write Arrow files, is not installed. Install it with ' +
        '`npm install apache-arrow@21`',
    });
  });

  it('is told from one that does not load', async () => {
    const load = (): Promise<unknown> => Promise.reject(new Error('bad WebAssembly'));
    await assert.rejects(optionalPackage(load, 'h5wasm', 'write HDF5 files'), /cannot be loaded \(bad WebAssembly\)/);
  });

  it('is told from one that misses another', async () => {
    const installed = join(folder.path, 'node_modules', 'apache-arrow');
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, 'package.json'), '{ "name": "apache-arrow", "main": "index.mjs" }');
    writeFileSync(join(installed, 'index.mjs'), "import 'no-such-package-of-anyone';");
    const load = (): Promise<unknown> => import(pathToFileURL(join(installed, 'index.mjs')).href);
    await assert.rejects(
      optionalPackage(load, 'apache-arrow', 'write Arrow files'),
      /cannot be loaded \(Cannot find package 'no-such-package-of-anyone'/,
    );
  });

  it('is asked for in a version of the peer dependency', () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      peerDependencies: Record<string, string>;
    };
    for (const [name, version] of Object.entries(OPTIONAL_VERSIONS))
      assert.ok(peerDependencies[name]?.startsWith(`>=${version} `), name);
  });
});
