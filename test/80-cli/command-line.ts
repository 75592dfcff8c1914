import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';

const PROGRAM = join(repositoryRoot, 'bin', 'virnucpro.js');
/** Milliseconds until a run is killed; only one that hangs takes so long, however busy the machine is. */
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
  /** The program to run. Default: the repository's. */
  readonly program?: string;
  /** Additional environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to standard input, which then closes. Default: nothing. */
  readonly input?: string | Uint8Array;
  /** Called with all of standard error whenever it grows; standard input stays open. */
  readonly watch?: (errors: string, child: ChildProcess) => void;
}

/** Runs `virnucpro` like a user. */
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
    // A program that ends without reading its input does not fail the test.
    child.stdin.on('error', () => undefined);
    if (input !== undefined) child.stdin.write(input);
    if (watch === undefined) child.stdin.end();
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ end: code ?? signal ?? 'unknown', output, errors }));
  });
}

/** Runs a command that must succeed, and returns its output. */
export async function succeeds(args: readonly string[], options?: RunOptions): Promise<Ended> {
  const ended = await virnucpro(args, options);
  assert.equal(ended.end, 0, ended.errors);
  return ended;
}

/** Runs a command that must fail: exit code 1, nothing on standard output, one line on standard error, no stack. */
export async function failsWith(message: RegExp, args: readonly string[], options?: RunOptions): Promise<void> {
  const { end, output, errors } = await virnucpro(args, options);
  assert.match(errors, /^virnucpro: [^\n]+\n$/);
  assert.match(errors, message);
  assert.doesNotMatch(errors, /internal error|\n {4}at /);
  assert.deepEqual([end, output], [1, '']);
}
