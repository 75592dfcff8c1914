import { fork } from 'node:child_process';
import type { NativeDevice, OpenRequest, Precision } from '../engine/addon.js';
import type { LibtorchCandidate } from '../engine/libtorch/find-libtorch.js';
import type { CudaState } from '../engine/libtorch/load-cuda.js';

const STDERR_LINES = 5;
const STDERR_CHARACTERS = 10_000;

export interface ChildOutcome {
  /** Everything that the child sent before it ended. */
  readonly messages: readonly unknown[];
  /** How the child ended, unless it exited by itself with code 0. */
  readonly problem?: string;
  /** The last lines of the child's standard error. */
  readonly stderr: readonly string[];
}

/**
 * Runs a compiled module in a Node process of its own, so that a failure in native code (an illegal instruction, a
 * missing symbol, a hang) ends that process and not this one. Never rejects.
 */
export function runChild(path: string, words: readonly string[], timeoutSeconds: number): Promise<ChildOutcome> {
  return new Promise((resolve) => {
    const messages: unknown[] = [];
    let written = '';
    let timedOut = false;
    const child = fork(path, words, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutSeconds * 1000);
    const end = (problem: string | undefined): void => {
      clearTimeout(timer);
      resolve({ messages, stderr: lastLines(written), ...(problem !== undefined && { problem }) });
    };
    child.on('message', (message) => messages.push(message));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      written = (written + text).slice(-STDERR_CHARACTERS);
    });
    child.on('error', (error) => end(`could not be started: ${error.message}`));
    child.on('close', (code, signal) => {
      if (timedOut) end(`did not answer within ${timeoutSeconds} s`);
      else if (signal !== null) end(`was ended by ${signal}${SIGNAL_MEANINGS[signal] ?? ''}`);
      else end(code === 0 ? undefined : `ended with exit code ${code}`);
    });
  });
}

const SIGNAL_MEANINGS: Partial<Record<NodeJS.Signals, string>> = {
  SIGILL: ' (an instruction that this processor does not have)',
  SIGSEGV: ' (a crash in native code)',
  SIGABRT: ' (native code gave up)',
  SIGKILL: ' (often: the machine ran out of memory)',
};

function lastLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-STDERR_LINES);
}

/** Messages of the native child to the doctor. */

/** Answer to `load`: the addon works, at least for listing the devices. */
export interface LoadedMessage {
  readonly kind: 'loaded';
  readonly addon: string;
  readonly compiledAgainst: string;
  readonly libtorch: string;
  /** The folder that libtorch was loaded from. */
  readonly libtorchRoot: string;
  /** Places found earlier in the search whose libtorch could not be used. */
  readonly passedOver: readonly LibtorchCandidate[];
  readonly cuda: CudaState;
  readonly devices: readonly NativeDevice[];
}

/** Answer to `known-answer DEVICE FOLDER PRECISION...`: one for every successful run. */
export interface KnownRunMessage {
  readonly kind: 'run';
  readonly engine: OpenRequest['engine'];
  readonly precision: Precision;
  /** [frames, 2] */
  readonly scores: readonly number[];
  /** [frames, dna width + protein width] */
  readonly embeddings: readonly number[];
}

/** The first failure, if an error rather than a crash; the last message. */
export interface FailureMessage {
  readonly kind: 'failure';
  /** What failed, e.g. `the packed engine in fp32`. */
  readonly during: string;
  readonly message: string;
}

export type NativeMessage = LoadedMessage | KnownRunMessage | FailureMessage;
