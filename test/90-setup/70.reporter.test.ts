import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';
import { TemporaryCheckout } from './temporary-checkout.js';

describe('the report of the tests', () => {
  it('ends with the numbers in one line, after the failures', () => {
    const checkout = new TemporaryCheckout();
    checkout.write(
      'some.test.cjs',
      "it('passes', () => {}); it('fails', () => { throw new Error('no'); }); it('waits');",
    );
    const mocha = join(repositoryRoot, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const reporter = join(repositoryRoot, 'scripts', 'mocha-reporter.cjs');
    const run = spawnSync(process.execPath, [mocha, '--no-config', '--reporter', reporter, 'some.test.cjs'], {
      cwd: checkout.root,
      encoding: 'utf8',
    });
    checkout.remove();
    assert.equal(run.status, 1);
    assert.match(run.stdout, /Error: no\b[^]*\n1 passed, 1 failed, 1 skipped\n$/);
  });
});
