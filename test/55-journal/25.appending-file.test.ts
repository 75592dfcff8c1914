import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppendingFile } from '../../lib/journal/appending-file.js';

/** A file that records what is done to it, in order. Each step takes a while. */
class NotedFile {
  readonly steps: string[] = [];
  running = 0;
  failsFrom = Infinity;
  failsSync = false;

  async appendFile(data: string | Uint8Array): Promise<void> {
    await this.#alone();
    if (this.steps.length >= this.failsFrom) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    this.steps.push(Buffer.from(data as Uint8Array).toString());
  }

  async datasync(): Promise<void> {
    await sleep(1);
    if (this.failsSync) throw new Error('the disk is broken');
    this.steps.push('sync');
  }

  async close(): Promise<void> {
    this.steps.push('close');
  }

  async #alone(): Promise<void> {
    assert.equal(this.running++, 0, 'two writes at a time');
    await sleep(1);
    this.running--;
  }
}

function appending(file: NotedFile): { appended: AppendingFile; failures: unknown[] } {
  const failures: unknown[] = [];
  const appended = new AppendingFile(file, (cause) => failures.push(cause));
  return { appended, failures };
}

describe('a file that is appended to', () => {
  it('has everything in its order, on the disk before it is closed', async () => {
    const file = new NotedFile();
    const { appended, failures } = appending(file);
    for (const text of ['a', 'b', 'c']) appended.append(Buffer.from(text));
    while (file.steps.length < 2) await sleep(1);
    appended.append(Buffer.from('d'));
    await appended.close();
    // What arrived while the first was being written was written together.
    assert.deepEqual(file.steps, ['a', 'bc', 'd', 'sync', 'close']);
    assert.deepEqual(failures, []);
  });

  it('is forced to the disk while it grows, and not when nothing is new', async () => {
    const file = new NotedFile();
    const { appended } = appending(file);
    appended.append(Buffer.from('a'));
    while (!file.steps.includes('sync')) await sleep(10);
    assert.deepEqual(file.steps, ['a', 'sync']);
    await sleep(1200);
    await appended.close();
    assert.deepEqual(file.steps, ['a', 'sync', 'close']);
  });

  it('tells once that it cannot be written, and writes nothing more', async () => {
    const file = new NotedFile();
    file.failsFrom = 1;
    const { appended, failures } = appending(file);
    for (const text of ['a', 'b', 'c', 'd']) {
      appended.append(Buffer.from(text));
      await sleep(5);
    }
    await appended.close();
    assert.deepEqual(file.steps, ['a', 'close']);
    assert.deepEqual(
      failures.map((cause) => (cause as NodeJS.ErrnoException).code),
      ['ENOSPC'],
    );
  });

  it('tells that it cannot be forced to the disk', async () => {
    const file = new NotedFile();
    file.failsSync = true;
    const { appended, failures } = appending(file);
    appended.append(Buffer.from('a'));
    await appended.close();
    assert.equal(failures.length, 1);
  });

  it('asks for patience when more waits than memory should hold', async () => {
    const file = new NotedFile();
    const { appended } = appending(file);
    const room = (): Promise<void> | undefined => appended.room;
    assert.equal(room(), undefined);
    for (let times = 0; times < 3; times++) appended.append(Buffer.alloc(30 * 2 ** 20));
    const made = room();
    assert.ok(made);
    await made;
    assert.equal(room(), undefined);
    await appended.close();
  });
});
