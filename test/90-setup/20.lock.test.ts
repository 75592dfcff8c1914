import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TemporaryCheckout, type Running } from './temporary-checkout.js';

/** Fails if another process is between its `wx` and its removal. */
const holdAlone = `
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from './scripts/setup/lock.mjs';
for (let round = 0; round < 5; round++) {
  await withLock('lock', () => console.log('waiting'), async () => {
    writeFileSync('alone', '', { flag: 'wx' });
    await sleep(5);
    rmSync('alone');
  });
}`;

const holdForever = `
import { writeFileSync } from 'node:fs';
import { withLock } from './scripts/setup/lock.mjs';
await withLock('lock', (holder) => writeFileSync('waiting', holder), async () => {
  writeFileSync('held', '');
  await new Promise((resolve) => setTimeout(resolve, 1e9));
});`;

const holdOnce = `
import { writeFileSync } from 'node:fs';
import { withLock } from './scripts/setup/lock.mjs';
await withLock('lock', (holder) => writeFileSync('waiting', holder), async () => console.log('held'));`;

const printName = `
import { nameFor, thisProcess } from './scripts/setup/process-identity.mjs';
console.log(nameFor(thisProcess()));`;

describe('the lock of setup', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => {
    checkout = new TemporaryCheckout();
    mkdirSync(checkout.path('lock'));
  });
  afterEach(() => checkout.remove());

  function start(script: string): Running {
    return checkout.start(['--input-type=module', '-e', script]);
  }
  async function appears(name: string): Promise<void> {
    while (!existsSync(checkout.path(name))) await sleep(10);
  }
  /** The content of a file, which exists a moment before its content does. */
  async function content(name: string): Promise<string> {
    await appears(name);
    while (readFileSync(checkout.path(name), 'utf8') === '') await sleep(10);
    return readFileSync(checkout.path(name), 'utf8');
  }
  /** The name of a lock file of another process on this machine. */
  async function nameOf(pid: string, started?: string): Promise<string> {
    const { output } = await start(printName).finished;
    const [, machine, , itsStart] = /^(.+)\.(\d+)\.(\d+)$/.exec(output.trim()) ?? [];
    return `${machine}.${pid}.${started ?? itsStart}`;
  }

  it('is held by one process at a time, whatever the number that ask', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => start(holdAlone).finished));
    for (const { code, errors } of all) assert.equal(code, 0, errors);
    assert.deepEqual(readdirSync(checkout.path('lock')), []);
  });

  it('is waited for, with word of whom, and passes on when its holder is killed', async () => {
    const holder = start(holdForever);
    await appears('held');
    const second = start(holdOnce);
    assert.match(await content('waiting'), /^process \d+ on .+/);
    holder.kill();
    const { code, output } = await second.finished;
    assert.deepEqual({ code, output }, { code: 0, output: 'held\n' });
  });

  it('is not held by a process that is gone, nor by one that was given the same number since', async () => {
    writeFileSync(checkout.path('lock', await nameOf('4194304')), '');
    writeFileSync(checkout.path('lock', await nameOf(String(process.pid), '1')), '');
    const { code, output } = await start(holdOnce).finished;
    assert.deepEqual({ code, output }, { code: 0, output: 'held\n' });
    assert.equal(existsSync(checkout.path('waiting')), false);
    assert.deepEqual(readdirSync(checkout.path('lock')), []);
  });

  it('is held by a process on another machine as long as that gives signs of life', async () => {
    const elsewhere = checkout.path('lock', 'another.host-1.1.1');
    writeFileSync(elsewhere, '');
    const waiting = start(holdOnce);
    await appears('waiting');
    const longAgo = Date.now() / 1000 - 3600;
    utimesSync(elsewhere, longAgo, longAgo);
    assert.equal((await waiting.finished).output, 'held\n');
  });
});
