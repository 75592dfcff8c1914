import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileBlocks } from '../../lib/input/file-blocks.js';
import { readRecords } from '../../lib/input/records.js';

const BLOCK = 64 * 1024;

describe('fileBlocks', () => {
  let folder: string;
  let pipe: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-pipes-'));
    pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
  });
  afterEach(() => {
    for (const descriptor of opened.splice(0)) closeSync(descriptor);
    rmSync(folder, { recursive: true });
  });

  const opened: number[] = [];
  /** For a pipe with a writer that may pause. */
  function openBoth(flags = 0): number {
    const descriptor = openSync(pipe, constants.O_RDWR | flags);
    opened.push(descriptor);
    return descriptor;
  }

  async function contentOf(path: string): Promise<Buffer> {
    const blocks: Buffer[] = [];
    for await (const block of fileBlocks(path, BLOCK)) blocks.push(Buffer.from(block));
    return Buffer.concat(blocks);
  }

  /** Writes from a process of its own, which then ends. */
  function writer(command: string): Promise<number | null> {
    const child = spawn('sh', ['-c', command], { stdio: 'ignore', env: { ...process.env, PIPE: pipe } });
    return new Promise((resolve) => child.on('close', resolve));
  }

  it('waits for the first writer of a pipe, and for one that pauses', async () => {
    const content = contentOf(pipe);
    const written = writer('sleep 0.2; { printf one; sleep 0.2; printf two; } > "$PIPE"');
    assert.equal((await content).toString(), 'onetwo');
    assert.equal(await written, 0);
  });

  it('gives all that a writer has left in the pipe, whose writer has gone', async () => {
    const bytes = Buffer.alloc(BLOCK, 'acgt');
    const both = openBoth();
    writeSync(both, bytes);
    const blocks = fileBlocks(pipe, BLOCK);
    const begun = Buffer.from((await blocks.next()).value as Uint8Array);
    // By now it has opened the pipe, and is not asked for more.
    writeSync(both, bytes);
    closeSync(opened.pop()!);
    const rest: Buffer[] = [begun];
    for await (const block of blocks) rest.push(Buffer.from(block));
    assert.ok(Buffer.concat(rest).equals(Buffer.concat([bytes, bytes])));
  });

  it('gives much through a pipe unchanged, from several writers at the same time, too', async () => {
    const content = contentOf(pipe);
    const many = 'for i in 1 2 3; do head -c 2000000 /dev/zero & done > "$PIPE"; wait';
    assert.equal(await writer(many), 0);
    const found = await content;
    assert.equal(found.length, 6_000_000);
    assert.ok(found.every((byte) => byte === 0));
  });

  it('reads no further than it is asked to', async () => {
    const both = openBoth(constants.O_NONBLOCK);
    const blocks = fileBlocks(pipe, BLOCK);
    const first = blocks.next();
    let written = 0;
    const fill = (): void => {
      try {
        for (;;) written += writeSync(both, Buffer.alloc(4096));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
      }
    };
    fill();
    await first;
    for (let turn = 0; turn < 50; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      fill();
    }
    assert.ok(written < 1_000_000, `${written} bytes were taken`);
    await blocks.return(undefined);
  });

  it('ends at the end of the first writers, as any other reader does', async () => {
    const content = contentOf(pipe);
    assert.equal(await writer('printf first > "$PIPE"'), 0);
    assert.equal((await content).toString(), 'first');
  });

  it('reads what is named by a descriptor: a pipe, a file, and a file from where it is', async () => {
    const both = openBoth();
    writeSync(both, '>a\nACGT\n');
    const blocks = fileBlocks(`/dev/fd/${both}`, BLOCK);
    assert.equal(Buffer.from((await blocks.next()).value as Uint8Array).toString(), '>a\nACGT\n');
    closeSync(opened.pop()!);
    assert.equal((await blocks.next()).done, true);
    const file = join(folder, 'file');
    writeFileSync(file, 'content');
    const descriptor = openSync(file, 'r');
    assert.equal((await contentOf(`/proc/self/fd/${descriptor}`)).toString(), 'content');
    closeSync(descriptor);
  });

  it('reads what a shell substitutes for a command, and a terminal', () => {
    const module = new URL('../../lib/input/file-blocks.js', import.meta.url).href;
    const program = `const { fileBlocks } = await import('${module}');
      for await (const block of fileBlocks(process.argv[1], 9)) process.stdout.write(block);`;
    const node = `'${process.execPath}' --input-type=module -e "$PROGRAM"`;
    const env = { ...process.env, PROGRAM: program };
    const run = (command: string): string => execFileSync('bash', ['-c', command], { env, encoding: 'utf8' });
    assert.equal(run(`${node} <(printf 'a lot of text')`), 'a lot of text');
    assert.equal(run(`printf 'a lot of text' | ${node} /dev/stdin`), 'a lot of text');
    assert.equal(run(`${node} /dev/stdin <<< 'a lot of text'`), 'a lot of text\n');
    // `script` gives the program a terminal, into which the line is typed.
    const typed = run(`printf 'typed\\n\\004' | script -qec "${node.replaceAll('"', '\\"')} /dev/tty" /dev/null`);
    assert.match(typed, /typed\r?\n[^]*typed/);
  });

  for (const [what, path] of [
    ['a pipe without a writer', (): string => pipe],
    ['a pipe whose writer is idle', (): string => `/dev/fd/${openBoth()}`],
  ] as const) {
    it(`is ended by a signal while it waits for ${what}`, async () => {
      const ended = new AbortController();
      const waiting = fileBlocks(path(), BLOCK, ended.signal).next();
      setTimeout(() => ended.abort(new Error('enough')), 50);
      await assert.rejects(waiting, /^Error: enough$/);
    });
  }

  it('is ended by a signal that was there before, and opens nothing for long', async () => {
    const waiting = fileBlocks(pipe, BLOCK, AbortSignal.abort(new Error('enough'))).next();
    await assert.rejects(waiting, /^Error: enough$/);
  });
});

describe('readRecords', () => {
  it('is ended by a signal while an archive pauses, of whatever kind, and destroys its stream', async () => {
    const gzip = Buffer.from('1f8b0800000000000003', 'hex');
    const zstd = Buffer.from('28b52ffd0458', 'hex');
    for (const start of [gzip, zstd, Buffer.from('>a\nACGT\n'), Buffer.alloc(0)]) {
      const standardInput = new PassThrough();
      standardInput.write(start);
      const ended = new AbortController();
      const waiting = readRecords(['-'], { standardInput, signal: ended.signal }).next();
      setTimeout(() => ended.abort(new Error('enough')), 50);
      await assert.rejects(waiting, /^Error: enough$/);
      assert.ok(standardInput.destroyed);
    }
  });
});
