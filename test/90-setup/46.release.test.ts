import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageVersion } from '../../lib/package.js';
import { repositoryRoot } from '../repository.js';
import { TemporaryCheckout } from './temporary-checkout.js';

interface OtherPlatforms {
  otherPlatforms: (folder: string, revision: string) => { name: string; tarball: string }[];
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
