import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { checkFiles } from '../../lib/output/finished-run.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import type { ResultDirectoryOptions } from '../../lib/output/result-directory.js';
import { skip } from '../skipped.js';
import { DirectoryProcess } from './directory-process.js';
import { HangingFolder } from './hanging-folder.js';
import { containerCommand, HidingContainer, namedContainer } from './namespaces.js';
import { optionsIn, temporaryFolder } from './results.js';

/** More than two heartbeat intervals, so that no living run is taken for dead, however late a heartbeat is. */
const LONG_SILENCE = 12_000;
const SHORT_SILENCE = 300;

describe('Two runs in one directory', () => {
  // Registered before the hook that removes the folder, so it runs first.
  const begun: { end(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of begun.splice(0).reverse()) await one.end();
  });
  const folder = temporaryFolder();
  const out = (...names: string[]): string => join(folder.path, 'out', ...names);

  function begin(wrapper: readonly string[], changes: Partial<ResultDirectoryOptions> = {}): DirectoryProcess {
    const run = new DirectoryProcess(optionsIn(folder.path, { resume: true, ...changes }), wrapper);
    begun.push(run);
    return run;
  }

  async function isWhole(): Promise<void> {
    const { files } = JSON.parse(readFileSync(out('run.json'), 'utf8')) as RunManifest;
    await checkFiles(out(), files);
    assert.deepEqual(
      readdirSync(out()).filter((name) => name.startsWith('.')),
      [],
    );
  }

  function inContainer(test: Mocha.Context): readonly string[] {
    return containerCommand() ?? skip(test, 'unshare may not make namespaces here');
  }

  for (const [what, names] of [
    ['of one host name', [undefined, undefined]],
    ['with host names of their own', ['box-1', 'box-2']],
  ] as const) {
    it(`in containers ${what}, both process 1: the second is refused, with --force, too`, async function () {
      const container = inContainer(this);
      const [one, two] = names.map((name) => (name === undefined ? container : namedContainer(container, name)));
      const first = begin(one!);
      assert.equal((await first.says('opened', 'failed')).pid, 1);
      for (const force of [false, true]) {
        const second = begin(two!, { force, maxSilence: LONG_SILENCE });
        const { event, code, text, pid } = await second.says('opened', 'failed');
        assert.deepEqual([event, code, pid], ['failed', 'VNP_OUTPUT', 1]);
        assert.match(text!, new RegExp(`process 1 on ${names[0] ?? hostname()} .*Wait for that run`));
      }
      first.finish();
      await first.says('finished');
      await isWhole();
    });
  }

  it('where the first was stopped and is woken after the second has taken over: it says by whom, and stops', async function () {
    const container = inContainer(this);
    const first = begin(namedContainer(container, 'box-1'));
    await first.says('opened');
    first.send('SIGSTOP');
    const second = begin(namedContainer(container, 'box-2'), { maxSilence: SHORT_SILENCE });
    await second.says('opened');
    first.send('SIGCONT');
    const { code, text } = await first.says('lost');
    assert.equal(code, 'VNP_OUTPUT_LOST');
    assert.match(text!, /out was taken over by process 1 on box-2 \(user /);
    first.finish();
    assert.equal((await first.says('finished', 'failed')).text, text);
    assert.ok(!existsSync(out('run.json')), 'nothing of it was put in place');
    second.finish();
    await second.says('finished');
    await isWhole();
  });

  it('where the first is woken only when it is to finish: it puts nothing in place', async function () {
    const container = inContainer(this);
    const first = begin(container);
    await first.says('opened');
    first.send('SIGSTOP');
    first.finish();
    const second = begin(container, { maxSilence: SHORT_SILENCE });
    await second.says('opened');
    second.finish();
    await second.says('finished');
    const before = readFileSync(out('run.json'), 'utf8');
    first.send('SIGCONT');
    assert.equal((await first.says('finished', 'failed')).code, 'VNP_OUTPUT_LOST');
    assert.equal(readFileSync(out('run.json'), 'utf8'), before);
    await isWhole();
  });

  it('of two users where /proc hides the processes of others: the second is refused', async function () {
    const hiding = (await HidingContainer.make()) ?? skip(this, 'only the superuser can mount /proc with hidepid');
    begun.push(hiding);
    chmodSync(folder.path, 0o755);
    mkdirSync(out());
    chmodSync(out(), 0o777);
    const words = [...hiding.as(65_534), process.execPath, '--check', fileURLToPath(import.meta.url)];
    if (spawnSync(words[0]!, words.slice(1)).status !== 0) skip(this, 'other users may not read this repository');
    const first = begin(hiding.as(65_534));
    const { pid } = await first.says('opened');
    const second = begin(hiding.as(1), { maxSilence: LONG_SILENCE });
    const { code, text } = await second.says('opened', 'failed');
    assert.equal(code, 'VNP_OUTPUT');
    assert.match(text!, new RegExp(`process ${pid} on .*Wait for that run`));
    assert.match((await second.says('waiting')).text!, /still alive/);
    first.finish();
    await first.says('finished');
    await isWhole();
  });

  describe('of two users', () => {
    const ONE = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const OTHER = ['setpriv', '--reuid=1', '--regid=1', '--clear-groups'];

    /** @param mode of the directory that both write to */
    function sharedDirectory(test: Mocha.Context, mode: number): void {
      if (process.getuid?.() !== 0) skip(test, 'only the superuser can be two users');
      chmodSync(folder.path, 0o755);
      mkdirSync(out());
      chmodSync(out(), mode);
      const check = [...OTHER, process.execPath, '--check', fileURLToPath(import.meta.url)];
      if (spawnSync(check[0]!, check.slice(1)).status !== 0) skip(test, 'other users may not read this repository');
    }

    async function killedRun(): Promise<void> {
      const dead = begin(ONE);
      await dead.says('opened');
      writeFileSync(out('.journal'), 'scores');
      chownSync(out('.journal'), 65_534, 65_534);
      dead.send('SIGKILL');
      await dead.end();
    }

    it('the one goes on with what was left by the other, whose folder it cannot remove', async function () {
      sharedDirectory(this, 0o777);
      await killedRun();
      const run = begin(OTHER);
      assert.equal((await run.says('opened', 'failed')).text, undefined);
      assert.equal(statSync(out('.journal')).uid, 1);
      run.finish();
      await run.says('finished');
      const left = readdirSync(out()).filter((name) => name.startsWith('.'));
      assert.match(left.join(), /^\.taken-[0-9a-f]{16}$/);
      rmSync(out(left[0]!), { recursive: true });
      await isWhole();
    });

    it('the one is told whose folder it is, where only that user can move it', async function () {
      sharedDirectory(this, 0o1777);
      await killedRun();
      const { event, text } = await begin(OTHER).says('opened', 'failed');
      assert.equal(event, 'failed');
      assert.match(
        text!,
        /The unfinished run in .* belongs to process \d+ on .* \(user nobody\), and only that user may remove it/,
      );
    });
  });

  it('on a file system that hangs for longer than the maxSilence: the time does not count, and nobody loses anything', async function () {
    const container = inContainer(this);
    mkdirSync(out());
    const hanging = await HangingFolder.make(out(), join(folder.path, 'view'));
    if (typeof hanging === 'string') return skip(this, hanging);
    begun.push(hanging);
    const first = begin(container, { directory: hanging.path });
    await first.says('opened');
    const second = begin(container, { directory: hanging.path, maxSilence: LONG_SILENCE });
    await second.says('waiting');
    hanging.hang();
    await sleep(1.25 * LONG_SILENCE);
    hanging.wake();
    assert.equal((await second.says('opened', 'failed')).code, 'VNP_OUTPUT');
    first.finish();
    await first.says('finished');
    await isWhole();
  });

  for (const what of ['its folder', 'the record in it']) {
    it(`where a clean-up removes ${what}: the run notices it, and stops`, async () => {
      const run = begin([]);
      await run.says('opened');
      const name = readdirSync(out())[0]!;
      rmSync(what === 'its folder' ? out(name) : out(name, 'owner.json'), { recursive: true });
      const { code, text } = await run.says('lost');
      assert.equal(code, 'VNP_OUTPUT_LOST');
      assert.match(text!, /was removed or taken over while it ran\. .*continue with `resume: true`/);
      run.finish();
      assert.equal((await run.says('finished', 'failed')).text, text);
      assert.ok(!existsSync(out('run.json')));
    });
  }
});
