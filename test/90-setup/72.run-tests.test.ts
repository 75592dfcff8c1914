import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';
import { TemporaryCheckout } from './temporary-checkout.js';

describe('npm test', () => {
  let checkout: TemporaryCheckout;
  before(() => {
    checkout = new TemporaryCheckout();
    symlinkSync(join(repositoryRoot, 'node_modules'), checkout.path('node_modules'));
    checkout.write('.mocharc.json', '{ "reporter": "scripts/mocha-reporter.cjs" }');
    checkout.write('test/slow.json', '["30-slow", "20-more/two.test.ts"]');
    const tests = {
      '10-first/one.test': "it('one', () => {}); it('another', () => {});",
      '10-first/broken.test': "it('broken', () => { throw new Error('no'); });",
      '20-more/two.test': "it('two', () => {});",
      '20-more/three.test': "it('three', () => {});",
      '30-slow/four.test': "it('four', () => {});",
    };
    for (const [name, text] of Object.entries(tests)) {
      checkout.write(`test/${name}.ts`, text);
      checkout.write(`dist/test/${name}.js`, text);
    }
  });
  after(() => checkout.remove());

  /** @returns the names of the tests that ran, in alphabetical order, the closing line, and the exit code */
  async function run(...words: string[]) {
    const { code, output, errors } = await checkout.start(['scripts/test.mjs', ...words, '--no-color']).finished;
    const ran = [...output.matchAll(/^ +(?:✔|1\)) (\w+)/gm)].map(([, name]) => name!);
    return { ran: [...new Set(ran)].sort(), summary: output.trimEnd().split('\n').at(-1), code, errors };
  }

  it('runs all tests but the slow ones, and fails where one fails', async () => {
    const { ran, summary, code } = await run();
    assert.deepEqual(ran, ['another', 'broken', 'one', 'three']);
    assert.deepEqual([summary, code], ['3 passed, 1 failed, 0 skipped', 1]);
  });

  it('runs the slow tests alone as npm run test:slow', async () => {
    const { ran, summary, code } = await run('slow');
    assert.deepEqual(ran, ['four', 'two']);
    assert.deepEqual([summary, code], ['2 passed, 0 failed, 0 skipped', 0]);
  });

  it('runs the files and folders that are named and nothing else', async () => {
    assert.deepEqual((await run('test/10-first/one.test.ts')).ran, ['another', 'one']);
    assert.deepEqual((await run('test/20-more', './test/30-slow/four.test.ts')).ran, ['four', 'three', 'two']);
  });

  it('hands options on to mocha', async () => {
    assert.deepEqual((await run('--grep', 'thre+')).ran, ['three']);
    assert.deepEqual((await run('test/10-first/one.test.ts', '-g', 'another')).ran, ['another']);
  });

  it('says what it expected where there is no such test', async () => {
    const { code, errors } = await run('test/10-first/two.test.ts');
    assert.equal(code, 1);
    assert.match(errors, /^Expected a test \(\*\.test\.ts\) or a folder of tests but received \S+two\.test\.ts\n$/);
  });
});
