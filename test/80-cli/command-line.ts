import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';

const PROGRAM = join(repositoryRoot, 'bin', 'virnucpro.js');
/** Milliseconds until a run is given up; only one that hangs waits so long, however busy the machine is. */
const PATIENCE = 5 * 60_000;

export interface Ended {
  /** Exit code, or the signal that killed it. */
  readonly end: number | string;
  readonly output: string;
  readonly errors: string;
}

export interface RunOptions {
  /** Folder of the installed models. */
  readonly models?: string;
  /** The program that is run. Defaults to that of the repository. */
  readonly program?: string;
  /** Further variables of the environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to standard input, which is closed then. Defaults to nothing. */
  readonly input?: string | Uint8Array;
  /** Called with all of standard error whenever there is more; standard input stays open then. */
  readonly watch?: (errors: string, child: ChildProcess) => void;
}

/** Runs `virnucpro` as a user does. */
export function virnucpro(
  args: readonly string[],
  { models, program = PROGRAM, environment, input, watch }: RunOptions = {},
): Promise<Ended> {
  const env = { ...process.env, ...(models !== undefined && { VIRNUCPRO_MODELS: models }), ...environment };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { env, timeout: PATIENCE, killSignal: 'SIGKILL' });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
      watch?.(errors, child);
    });
    // A program that ends without reading its input is no failure of the test.
    child.stdin.on('error', () => undefined);
    if (input !== undefined) child.stdin.write(input);
    if (watch === undefined) child.stdin.end();
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ end: code ?? signal ?? 'unknown', output, errors }));
  });
}

/** Runs what must succeed and gives its output. */
export async function succeeds(args: readonly string[], options?: RunOptions): Promise<Ended> {
  const ended = await virnucpro(args, options);
  assert.equal(ended.end, 0, ended.errors);
  return ended;
}

/** Runs what must fail: exit code 1, nothing on standard output, one line on standard error without a trace. */
export async function failsWith(message: RegExp, args: readonly string[], options?: RunOptions): Promise<void> {
  const { end, output, errors } = await virnucpro(args, options);
  assert.match(errors, /^virnucpro: [^\n]+\n$/);
  assert.match(errors, message);
  assert.doesNotMatch(errors, /internal error|\n {4}at /);
  assert.deepEqual([end, output], [1, '']);
}
