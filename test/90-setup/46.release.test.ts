import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageVersion } from '../../lib/package.js';
import { pinnedWheels } from '../../lib/setup/recorded-wheels.js';
import { repositoryRoot } from '../repository.js';
import { TemporaryCheckout } from './temporary-checkout.js';
import type { Finished } from './temporary-checkout.js';

interface OtherPlatforms {
  otherPlatforms: (folder: string, revision: string) => { name: string; tarball: string }[];
}

interface OutputFolder {
  replaceRelease: (output: string, files: readonly string[]) => void;
}

describe('npm run release', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => {
    checkout = new TemporaryCheckout();
    checkout.write('CHANGELOG.md', `## [${packageVersion}]\n`);
    for (const name of ['npm', 'tar', 'strip', 'readelf', 'objdump', 'cmake']) checkout.writeProgram(name, 'exit 0');
  });
  afterEach(() => checkout.remove());

  async function refusals(words: string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const script = ['scripts/release.mjs', '--output', checkout.path('out'), ...words];
    const { code, output, errors } = await checkout.start(script, environment).finished;
    assert.equal(code, 1, output);
    return errors;
  }
  function git(...words: string[]): void {
    const author = ['-c', 'user.name=Nobody', '-c', 'user.email=nobody@localhost'];
    execFileSync('git', ['-C', checkout.root, ...author, ...words], { stdio: 'pipe' });
  }

  it('packs nothing without dist, outside of git, or with a version that is not in the changelog', async () => {
    checkout.write('CHANGELOG.md', '## [9.9.9]\n');
    const errors = await refusals();
    assert.match(errors, /^dist\/ is missing: run `npm run setup`$/m);
    assert.match(errors, /^A release is made from a commit, but git says: /m);
    assert.match(
      errors,
      new RegExp(`^CHANGELOG\\.md has no heading for ${packageVersion.replaceAll('.', '\\.')}: `, 'm'),
    );
  });

  it('packs nothing that is not in a commit', async () => {
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '--message', 'everything');
    assert.doesNotMatch(await refusals(), /made from a commit/);
    checkout.write('scripts/new.mjs', '');
    assert.match(
      await refusals(),
      /^A release is made from a commit: commit, remove or ignore .* \(scripts\/new\.mjs\)$/m,
    );
  });

  it('packs nothing from a dist that was compiled from other sources', async () => {
    checkout.useCompiledLibrary();
    checkout.write('lib/changed.ts', 'export const changed = true;\n');
    checkout.write('node_modules/typescript/package.json', '{}');
    assert.match(await refusals(), /^dist\/ was compiled from other sources: run `npm run setup`$/m);
  });

  it('packs nothing on a platform where it was never tested', async () => {
    checkout.write('other.cjs', "Object.defineProperty(process, 'arch', { value: 'riscv64' });");
    const errors = await refusals(['--trial'], { NODE_OPTIONS: `-r ${checkout.path('other.cjs')}` });
    assert.match(
      errors,
      /^Expected one of the platforms linux-x64-gnu, .* but this is linux-riscv64-gnu, where no release/m,
    );
  });

  it('refuses other words, and a ready addon for what is published', async () => {
    for (const words of [['--fast'], ['--addon', checkout.root]])
      assert.match(await refusals(words), /^Expected --output FOLDER, .* but received `.*`\n$/);
  });

  it('refuses a folder for the output that holds something else, and leaves it as it is', async () => {
    checkout.write('out/virnucpro-0.0.1.tgz', 'earlier');
    assert.doesNotMatch(await refusals(), /--output/);
    checkout.write('out/thesis.txt', 'mine');
    assert.match(
      await refusals(),
      /^Expected a new folder for --output, or that .* holds thesis\.txt\. Choose another\n$/,
    );
    assert.deepEqual(readdirSync(checkout.path('out')).sort(), ['thesis.txt', 'virnucpro-0.0.1.tgz']);
    rmSync(checkout.path('out'), { recursive: true });
    checkout.write('out', 'a file');
    assert.match(await refusals(), /^Expected a folder for --output but .* is a file\n$/);
  });

  it('refuses to write where it takes the other platform from', async () => {
    checkout.write('out/linux-other-gnu.tested.json', '{}');
    symlinkSync('out', checkout.path('link'));
    for (const name of ['out', 'link']) {
      const errors = await refusals(['--with', checkout.path(name)]);
      assert.match(errors, /^Expected different folders for --with and --output but both are /);
    }
  });

  it('replaces an earlier release, and leaves nothing of one that cannot be copied', async () => {
    const module = pathToFileURL(join(repositoryRoot, 'scripts', 'release', 'output-folder.mjs')).href;
    const { replaceRelease } = (await import(module)) as OutputFolder;
    checkout.write('out/virnucpro-0.0.1.tgz', 'earlier');
    checkout.write('results/virnucpro-0.0.2.tgz', 'new');
    const tarball = checkout.path('results', 'virnucpro-0.0.2.tgz');
    replaceRelease(checkout.path('out'), [tarball]);
    assert.deepEqual(readdirSync(checkout.path('out')), ['virnucpro-0.0.2.tgz']);
    assert.throws(() => replaceRelease(checkout.path('out'), [tarball, checkout.path('missing')]), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(checkout.path('out')), []);
  });

  describe('with the addresses of the wheels that pip says', () => {
    /** The output of record-wheels.mjs where pip says `start` before the name of each file. */
    async function recorded(start: string): Promise<Finished> {
      const files = pinnedWheels().flatMap(({ name, version, files: pinned }) =>
        Object.entries(pinned).map(([platform, { sha256 }]) => {
          const processor = platform === 'x64' ? 'x86_64' : 'aarch64';
          const filename = `${name.replaceAll('-', '_')}-${version}-cp312-cp312-manylinux_2_28_${processor}.whl`;
          const place = { url: start.replace('FILE', filename), archive_info: { hashes: { sha256 } } };
          return { metadata: { name, version }, download_info: place };
        }),
      );
      checkout.write('report.json', JSON.stringify({ install: files }));
      // Where it runs, a module of the current folder cannot stand in for pip.
      checkout.writeProgram('python3', `test "$PWD" = / && cat '${checkout.path('report.json')}'`);
      return checkout.start(['scripts/release/record-wheels.mjs', checkout.path('wheels.json')]).finished;
    }
    beforeEach(() => checkout.useCompiledLibrary());

    it('records them, and says on which hosts they are', async () => {
      const { code, output, errors } = await recorded('https://files.localhost/FILE');
      assert.equal(code, 0, errors);
      assert.equal(output, 'The wheels are on files.localhost\n');
      const { wheels } = JSON.parse(readFileSync(checkout.path('wheels.json'), 'utf8')) as { wheels: unknown[] };
      assert.equal(wheels.length, pinnedWheels().flatMap(({ files }) => Object.keys(files)).length);
    });

    for (const [what, start] of [
      ['a login', 'https://me:s3cret@files.localhost/FILE'],
      ['a key', 'https://:s3cret@files.localhost/FILE'],
      ['a query', 'https://files.localhost/FILE?key=s3cret'],
      ['no encryption', 'http://files.localhost/FILE'],
      ['no host', 'file:///FILE'],
    ] as const) {
      it(`refuses addresses with ${what}`, async () => {
        const { code, output, errors } = await recorded(start);
        assert.equal(code, 1, output);
        assert.match(errors, /^Expected an address for .* but pip says .*\. Set pip to a public index\n$/);
        assert.doesNotMatch(errors, /s3cret/);
        assert.equal(existsSync(checkout.path('wheels.json')), false);
      });
    }
  });

  describe('with the package of another platform', () => {
    let otherPlatforms: OtherPlatforms['otherPlatforms'];
    before(async () => {
      const module = pathToFileURL(join(repositoryRoot, 'scripts', 'release', 'other-platforms.mjs')).href;
      ({ otherPlatforms } = (await import(module)) as OtherPlatforms);
    });
    function writeRelease(revision: string): void {
      const sha256 = createHash('sha256').update('packed').digest('hex');
      checkout.write('other/other.tgz', 'packed');
      const record = { platform: 'linux-other-gnu', revision, file: 'other.tgz', sha256 };
      checkout.write('other/linux-other-gnu.tested.json', JSON.stringify(record));
    }
    const taken = () => otherPlatforms(checkout.path('other'), 'this');

    it('takes one that was tried there, from the same commit', () => {
      writeRelease('this');
      assert.deepEqual(taken(), [{ name: 'linux-other-gnu', tarball: checkout.path('other', 'other.tgz') }]);
    });

    it('refuses one that was not tried, that is another file, or of another commit', () => {
      assert.throws(taken, /^SetupFailure: Expected the release of another platform in .*: there is none$/);
      writeRelease('that');
      assert.throws(taken, /The package of linux-other-gnu is of that, not of this\. Run `npm run release`/);
      writeRelease('this');
      checkout.write('other/other.tgz', 'changed');
      assert.throws(taken, /other\.tgz is not the package that was tried on linux-other-gnu\. Run/);
    });
  });
});
