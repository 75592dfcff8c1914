import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openResultDirectory } from '../../lib/output/result-directory.js';
import type { ResultDirectory, ResultDirectoryOptions } from '../../lib/output/result-directory.js';
import { contigResult, countsOf, runDescription, windowResult } from './results.js';

/** A message of a run in another process. */
export interface Said {
  readonly event: 'opened' | 'waiting' | 'lost' | 'finished' | 'failed';
  /** Its process id in its own namespace. */
  readonly pid: number;
  readonly code?: string;
  readonly text?: string;
}

/** A run in a process of its own: it opens a directory, and finishes on request. */
export class DirectoryProcess {
  readonly #child: ChildProcess;
  readonly #said: Said[] = [];
  #isOver = false;
  errors = '';

  /** @param wrapper goes before the command, such as `unshare` */
  constructor(options: ResultDirectoryOptions, wrapper: readonly string[] = []) {
    const [program, ...words] = [...wrapper, process.execPath, fileURLToPath(import.meta.url), JSON.stringify(options)];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#said.push(JSON.parse(line) as Said);
      child.emit('said');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    child.stdin.on('error', () => undefined);
    child.on('close', () => {
      this.#isOver = true;
      child.emit('said');
    });
  }

  /** Waits for the first of these events, or takes one that was emitted before. */
  async says(...events: Said['event'][]): Promise<Said> {
    for (;;) {
      const found = this.#said.find(({ event }) => events.includes(event));
      if (found) return found;
      if (this.#isOver)
        throw new Error(`Expected ${events.join(' or ')} but received ${JSON.stringify(this.#said)} ${this.errors}`);
      await once(this.#child, 'said');
    }
  }

  /** Asks it to write its results and finish. */
  finish(): void {
    this.#child.stdin!.write('finish\n');
  }

  /** Sends a signal to the run itself, inside its wrapper. */
  send(signal: NodeJS.Signals): void {
    process.kill(innermost(this.#child.pid!), signal);
  }

  async end(): Promise<void> {
    if (this.#isOver) return;
    const closed = once(this.#child, 'close');
    this.#child.stdin!.end();
    try {
      process.kill(innermost(this.#child.pid!), 'SIGKILL');
    } catch (cause) {
      // It has ended by itself, and the end of its output is not read yet.
      if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
    }
    await closed;
  }
}

/** The process at the end of a chain of only children. */
export function innermost(pid: number): number {
  const path = `/proc/${pid}/task/${pid}/children`;
  const [child] = existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number) : [];
  return child === undefined ? pid : innermost(child);
}

const say = (said: Omit<Said, 'pid'>): void => console.log(JSON.stringify({ ...said, pid: process.pid }));

/** Every run writes another contig, which distinguishes its results from those of others. */
async function finish(directory: ResultDirectory): Promise<void> {
  const results = [windowResult(`of_${process.hrtime.bigint()}`, 1), contigResult('x', 'ACGT', { windows: 1 })];
  for (const result of results) await directory.write(result);
  await directory.finish(runDescription(countsOf(results)));
}

async function run(options: ResultDirectoryOptions): Promise<void> {
  const failed = (error: unknown): void => {
    const { code, message } = error as { code: string; message: string };
    say({ event: 'failed', code, text: message });
  };
  try {
    const directory = await openResultDirectory({ ...options, onWaiting: (text) => say({ event: 'waiting', text }) });
    directory.lost.addEventListener('abort', () => {
      const { code, message } = directory.lost.reason as { code: string; message: string };
      say({ event: 'lost', code, text: message });
    });
    say({ event: 'opened' });
    await once(process.stdin, 'data');
    try {
      await finish(directory);
      say({ event: 'finished' });
    } finally {
      await directory.abort();
    }
  } catch (error) {
    failed(error);
  }
  process.stdin.destroy();
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await run(JSON.parse(process.argv[2]!) as ResultDirectoryOptions);
