import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fetching } from './fetching.js';
import { makeZip } from './made-up-wheels.js';
import { PackageIndex } from './package-index.js';
import type { TemporaryCheckout } from './temporary-checkout.js';

describe('the libtorch that is fetched', () => {
  let fetching: Fetching;
  let checkout: TemporaryCheckout;
  let folder: string;
  before(() => {
    fetching = new Fetching();
    ({ checkout, folder } = fetching);
  });
  beforeEach(() => fetching.begin());
  afterEach(() => fetching.end());
  after(() => checkout.remove());

  describe('from', () => {
    function writeWheels(path: string, names: readonly string[]): string {
      mkdirSync(checkout.path(path), { recursive: true });
      for (const name of names) {
        const { filename, bytes } = fetching.wheelOf(name);
        writeFileSync(checkout.path(path, filename), bytes);
      }
      return checkout.path(path);
    }
    const all = ['torch', 'nvidia-cuda-runtime', 'nvidia-cuda-cupti'];

    it('a folder of wheels, without an index and without copies', async () => {
      const place = writeWheels('wheels', all);
      const { code, errors } = await checkout.setup(['--no-cuda', 'libtorch'], {
        ...{ PIP_INDEX_URL: '', PIP_NO_INDEX: '1', PIP_FIND_LINKS: place },
      });
      assert.equal(code, 0, errors);
      assert.equal(fetching.found()?.root, join(folder, 'torch'));
      assert.deepEqual(fetching.index.seen, []);
      assert.deepEqual(readdirSync(place).length, all.length);
    });

    it('the folders that the options name, then the index that they name', async () => {
      const place = writeWheels('wheels', ['torch']);
      writeWheels('page', ['nvidia-cuda-runtime']);
      const { filename } = fetching.wheelOf('nvidia-cuda-runtime');
      checkout.write('page/links.html', `<a href="${filename}">a wheel</a>`);
      const words = [
        '--find-links',
        place,
        '--find-links',
        checkout.path('page', 'links.html'),
        '--index',
        fetching.index.url,
      ];
      const environment = { PIP_INDEX_URL: 'http://127.0.0.1:1/simple', PIP_NO_INDEX: '1' };
      const { output } = await fetching.command([...words, '--dry-run'], environment);
      assert.deepEqual(
        [...output.matchAll(/ from (\S+)$/gm)].map(([, from]) => from),
        [place, checkout.path('page'), new URL(fetching.index.url).host],
      );
      const { code, errors } = await checkout.setup(['--no-cuda', ...words, 'libtorch'], environment);
      assert.equal(code, 0, errors);
      assert.equal(fetching.found()?.root, join(folder, 'torch'));
      assert.deepEqual(fetching.index.downloads, ['nvidia-cuda-cupti']);
    });

    it('a folder with a file that was changed, which is refused', async () => {
      const place = writeWheels('wheels', all);
      writeFileSync(join(place, fetching.wheelOf('torch').filename), makeZip([]));
      const { code, errors } = await checkout.setup(['--no-cuda', '--find-links', place, 'libtorch']);
      assert.equal(code, 1);
      assert.match(errors, /^Refused torch 2\.11\.0 in \S+: its SHA-256 is .*\. Replace the file\n$/);
    });

    it('a page of links on the network, and an extra index', async () => {
      const other = new PackageIndex([fetching.wheelOf('torch'), fetching.wheelOf('nvidia-cuda-runtime')]);
      other.format = 'html';
      await other.start();
      fetching.index.serve([fetching.wheelOf('nvidia-cuda-cupti')]);
      const { code, errors } = await checkout.setup(['--no-cuda', 'libtorch'], {
        PIP_FIND_LINKS: `${other.url}/torch/`,
        PIP_EXTRA_INDEX_URL: other.url,
      });
      await other.stop();
      assert.equal(code, 0, errors);
      assert.deepEqual(
        [other.downloads, fetching.index.downloads],
        [['torch', 'nvidia-cuda-runtime'], ['nvidia-cuda-cupti']],
      );
    });

    it('the addresses that came with the package, where no index is set', async () => {
      const platform = process.arch;
      const recorded = all.map((name) => {
        const { version, filename, bytes, sha256 } = fetching.wheelOf(name);
        const url = new URL(`/files/${filename}`, fetching.index.url).href;
        return { name, version, platform, url, bytes: bytes.length, sha256 };
      });
      checkout.write('wheels.json', JSON.stringify({ wheels: recorded }));
      const { code, errors } = await checkout.setup(['--no-cuda', 'libtorch'], { PIP_INDEX_URL: '' });
      assert.equal(code, 0, errors);
      assert.deepEqual(fetching.index.downloads, all);
      assert.ok(fetching.index.seen.every(({ path }) => path.startsWith('/files/')));
    });

    it('where the pip of python3 would take them, which downloads nothing itself', async () => {
      const install = all.map((name) => {
        const { version, filename, sha256 } = fetching.wheelOf(name);
        const url = new URL(`/files/${filename}`, fetching.index.url).href;
        return { metadata: { name, version }, download_info: { url, archive_info: { hashes: { sha256 } } } };
      });
      checkout.write('report.json', JSON.stringify({ version: '1', install }));
      checkout.writeProgram(
        'python3',
        `case "$*" in *find_spec*) exit 0;; *"pip install"*--dry-run*) cat "${checkout.path('report.json')}";; esac
         echo "$*" > "${checkout.path('asked')}"`,
      );
      const { code, errors } = await checkout.setup(['--no-cuda', 'libtorch'], { PIP_INDEX_URL: '' });
      assert.equal(code, 0, errors);
      assert.deepEqual(fetching.index.downloads, all);
      const asked = readFileSync(checkout.path('asked'), 'utf8');
      assert.match(
        asked,
        /--only-binary=:all: .*--platform manylinux_2_28_\S+ .*--platform manylinux2014_\S+ .* torch==2\.11/,
      );
    });

    it('nowhere, without an index, recorded addresses and pip, and says what to do', async () => {
      const { code, errors } = await checkout.setup(['--no-cuda', 'libtorch'], { PIP_INDEX_URL: '', PATH: '/nowhere' });
      assert.equal(code, 1);
      assert.match(
        errors,
        /pip of python3: there is no python3\)\. `export PIP_INDEX_URL=` .*--find-links.*LIBTORCH=.*\n$/,
      );
    });
  });

  describe('of CUDA 12', () => {
    const version = (): string | undefined => fetching.found()?.version;

    it('takes the place of that of CUDA 13, companions and all, and stays', async () => {
      await fetching.setup(['--cuda']);
      const first = fetching.index.downloads.length;
      const { code, output, errors } = await checkout.setup(['--cuda', '12', 'libtorch']);
      assert.equal(code, 0, errors);
      assert.match(output, /2\.11\.0\+cu128 in /);
      assert.equal(version(), '2.11.0+cu128');
      const [torch, ...others] = fetching.index.downloads.slice(first);
      assert.equal(torch, 'torch');
      assert.ok(
        others.every((name) => name.endsWith('-cu12')),
        others.join(),
      );
      for (const needed of ['nvidia-cuda-runtime-cu12', 'nvidia-cublas-cu12']) assert.ok(others.includes(needed));
      assert.match((await fetching.setup(['--cuda'])).output, /^libtorch +up to date: 2\.11\.0\+cu128 in /);
      assert.equal((await checkout.setup(['--cuda', '13', 'libtorch'])).code, 0);
      assert.equal(version(), '2.11.0+cu130');
    });

    it('is what a driver needs that runs no newer one', async () => {
      /** The name of the driver's library says its version. */
      const driver = (release: string): NodeJS.ProcessEnv => {
        const place = checkout.path(`driver-${release}`);
        mkdirSync(place);
        writeFileSync(join(place, `libcuda.so.${release}`), '');
        symlinkSync(`libcuda.so.${release}`, join(place, 'libcuda.so.1'));
        return { LD_LIBRARY_PATH: place };
      };
      assert.equal((await checkout.setup(['libtorch'], driver('580.65.06'))).code, 0);
      assert.equal(version(), '2.11.0+cu130');
      assert.equal((await checkout.setup(['libtorch'], driver('535.104.05'))).code, 0);
      assert.equal(version(), '2.11.0+cu128');
      const first = fetching.index.downloads.length;
      assert.match((await checkout.setup(['libtorch'], driver('590.1'))).output, /up to date: 2\.11\.0\+cu128/);
      assert.equal(fetching.index.downloads.length, first, 'a newer driver runs it too');
    });

    it('is in another index than that of CUDA 13, which is said where it is not found', async () => {
      fetching.index.serve(fetching.wheels.filter(({ version }) => !version.includes('+')));
      const { code, errors } = await checkout.setup(['--cuda', '12', 'libtorch']);
      assert.equal(code, 1);
      assert.match(
        errors,
        /^Could not find torch 2\.11\.0\+cu128 \(.*\)\. .*`export PIP_EXTRA_INDEX_URL=`.*--no-cuda\)\n$/,
      );
    });

    it('is refused from an index that states no hash, since none is pinned', async () => {
      fetching.index.statedHash = ({ version, sha256 }) => (version.includes('+') ? undefined : sha256);
      const { code, errors } = await checkout.setup(['--cuda', '12', 'libtorch']);
      assert.equal(code, 1);
      assert.match(errors, /^Could not find torch 2\.11\.0\+cu128 \(.*: states no SHA-256 for it\)/);
    });

    it('is not fetched where another libtorch comes first', async () => {
      await fetching.setup();
      const first = fetching.index.downloads;
      const other = checkout.path('other');
      renameSync(folder, other);
      const { code, errors } = await checkout.setup(['--cuda', '12', 'libtorch'], { LIBTORCH: join(other, 'torch') });
      assert.equal(code, 1);
      assert.match(
        errors,
        /^Expected a libtorch for CUDA 12 but .* comes first, is for CUDA 13\.0\. `unset LIBTORCH`\n$/,
      );
      assert.deepEqual(fetching.index.downloads, first);
    });
  });
});
