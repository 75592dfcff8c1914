import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';
import { TemporaryCheckout } from './temporary-checkout.js';

interface LockedPackage {
  readonly dev?: boolean;
  /** Whether there is a script that npm would run on installation, or a binding.gyp that it would build. */
  readonly hasInstallScript?: boolean;
}

/** Packages that have one, and why skipping it loses nothing. Inspect the script of each new one. */
const KNOWN: Readonly<Record<string, string>> = {
  'node_modules/unrs-resolver':
    'fetches its binary where npm left out the optional package that has it; only the linter needs that',
};

describe('install scripts of packages', () => {
  const locked = Object.entries(
    (
      JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
        packages: Record<string, LockedPackage>;
      }
    ).packages,
  );
  const withScript = locked.filter(([, { hasInstallScript = false }]) => hasInstallScript);

  it('are those that were looked at, none of them in a package that users get', () => {
    assert.deepEqual(
      withScript.map(([path]) => path),
      Object.keys(KNOWN),
    );
    for (const [path, { dev }] of withScript) assert.equal(dev, true, path);
  });

  it('are none of this package: npm install of it runs nothing', () => {
    const { gypfile, scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      gypfile?: boolean;
      scripts: Record<string, string>;
    };
    // Otherwise npm would treat the binding.gyp as a script.
    assert.equal(gypfile, false);
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare', 'dependencies'];
    assert.deepEqual(
      hooks.filter((hook) => hook in scripts),
      [],
    );
  });

  it('are not run by npm ci in a checkout', () => {
    assert.match(readFileSync(join(repositoryRoot, '.npmrc'), 'utf8'), /^ignore-scripts=true$/m);
  });

  describe('in a setup', () => {
    let checkout: TemporaryCheckout;
    const probe = { name: 'probe', version: '1.0.0', scripts: { postinstall: 'touch was-run' } };
    beforeEach(() => {
      checkout = new TemporaryCheckout();
      const project = { name: 'virnucpro', version: '1.0.0', dependencies: { probe: 'file:probe' } };
      const packages = {
        '': project,
        'node_modules/probe': { resolved: 'probe', link: true },
        probe: { version: '1.0.0', hasInstallScript: true },
      };
      checkout.write('package.json', JSON.stringify(project));
      checkout.write('probe/package.json', JSON.stringify(probe));
      checkout.write('package-lock.json', JSON.stringify({ ...project, lockfileVersion: 3, requires: true, packages }));
    });
    afterEach(() => checkout.remove());
    /** Settings that a user may have; nothing is fetched. */
    const settings = { npm_config_ignore_scripts: 'false', npm_config_offline: 'true' };
    const wasRun = (): boolean => existsSync(checkout.path('probe', 'was-run'));

    it('are not run either, whatever npm is set to', async () => {
      const { code, output, errors } = await checkout.setup(['packages'], settings);
      assert.equal(code, 0, output + errors);
      assert.match(output, /installed/);
      assert.ok(existsSync(checkout.path('node_modules', 'probe', 'package.json')));
      assert.equal(wasRun(), false);
      // Proves that npm would have run the script.
      const npm = "require('child_process').execFileSync('npm', ['ci'], { stdio: 'ignore' })";
      assert.equal((await checkout.start(['-e', npm], settings).finished).code, 0);
      assert.equal(wasRun(), true);
    });
  });
});
