import { execFile, spawnSync } from 'node:child_process';

/** The folder of the torch that the `python3` on PATH would import, or why there is none. */
export type PythonTorch = { readonly folder: string } | { readonly verdict: string; readonly broken?: true };

/** Finding a spec does not execute it: this costs only the interpreter's start, while `import torch` takes seconds. */
const locateTorch = `
import importlib.util, sys
sys.path[:] = [entry for entry in sys.path if entry]
spec = importlib.util.find_spec("torch")
print(list(spec.submodule_search_locations)[0] if spec and spec.origin else "")
`;

/** Enough for an interpreter on a slow file system; a longer wait would look like a hang. */
const PYTHON_SECONDS = 5;

const WORDS = ['-c', locateTorch];
const LIMITS = { timeout: PYTHON_SECONDS * 1000, killSignal: 'SIGKILL', encoding: 'utf8' } as const;

/** Blocks until Python answers, for at most 5 seconds. */
export function pythonTorch(environment: NodeJS.ProcessEnv): PythonTorch {
  const { error, status, stdout, stderr } = spawnSync('python3', WORDS, { ...LIMITS, env: environment });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') return NO_ANSWER;
  if (error) return notRunnable(error.message.replace(/^spawnSync/, 'spawn'));
  return status === 0 ? answered(stdout) : failed(stderr);
}

/** Like `pythonTorch`, without blocking. @throws the signal's reason */
export function pythonTorchAside(environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<PythonTorch> {
  return new Promise((resolve, reject) => {
    const options = { ...LIMITS, env: environment, ...(signal && { signal }) };
    execFile('python3', WORDS, options, (error, stdout, stderr) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else if (!error) resolve(answered(stdout));
      else if (error.killed) resolve(NO_ANSWER);
      // A text is the code of a system error, a number an exit code; null: another program ended it.
      else resolve(typeof error.code === 'string' ? notRunnable(error.message) : failed(stderr));
    });
  });
}

const NO_ANSWER: PythonTorch = { verdict: `did not answer within ${PYTHON_SECONDS} s`, broken: true };

function notRunnable(reason: string): PythonTorch {
  return { verdict: `cannot be run: ${reason}` };
}

function failed(stderr: string): PythonTorch {
  return { verdict: `failed: ${stderr.trim().split('\n').at(-1)}` };
}

function answered(stdout: string): PythonTorch {
  const folder = stdout.trim();
  return folder ? { folder } : { verdict: 'has no torch' };
}
