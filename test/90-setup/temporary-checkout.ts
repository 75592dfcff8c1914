import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../repository.js';

export interface Finished {
  code: number | null;
  output: string;
  errors: string;
}

/** A running `node`, in a process group of its own so that it can be killed with its children. */
export interface Running {
  finished: Promise<Finished>;
  /** Resolves when it has printed this text, or has ended. */
  prints(words: string): Promise<unknown>;
  kill(): void;
}

/** The compiled lib/ that this test belongs to. */
export const compiledLibrary = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'lib');

/**
 * A folder that the scripts take for a checkout: a copy of bin/ and scripts/ with the compiled lib/, a `bin` folder for
 * programs that replace the real ones, and an empty cache.
 */
export class TemporaryCheckout {
  readonly root = mkdtempSync(join(tmpdir(), 'virnucpro-setup-'));
  readonly bin = this.path('bin-for-path');
  readonly cache = this.path('cache');
  readonly environment: NodeJS.ProcessEnv;

  constructor() {
    for (const name of ['bin', 'scripts']) cpSync(join(repositoryRoot, name), this.path(name), { recursive: true });
    for (const name of ['package.json', 'tsconfig.json', 'package-lock.json']) {
      cpSync(join(repositoryRoot, name), this.path(name));
    }
    mkdirSync(this.bin);
    this.environment = {
      ...process.env,
      PATH: `${this.bin}:${process.env['PATH'] ?? ''}`,
      VIRNUCPRO_CACHE: this.cache,
    };
    delete this.environment['LIBTORCH'];
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** Puts a shell script first on PATH. */
  writeProgram(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  useCompiledLibrary(): void {
    mkdirSync(this.path('dist'));
    symlinkSync(compiledLibrary, this.path('dist', 'lib'));
  }

  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, args, {
      cwd: this.root,
      env: { ...this.environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const finished = new Promise<Finished>((resolve) => {
      child.on('close', (code) => resolve({ code, output, errors }));
    });
    const printed = async (words: string): Promise<void> => {
      while (!output.includes(words)) await once(child.stdout, 'data');
    };
    return {
      finished,
      prints: (words) => Promise.race([printed(words), finished]),
      kill: () => process.kill(-(child.pid ?? 0), 'SIGKILL'),
    };
  }

  setup(steps: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
    return this.start(['scripts/setup.mjs', ...steps], environment).finished;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Passes for a complete library but contains only the header. */
export function emptyLibrary(): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  header.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
  return header;
}

/** A folder that passes for a libtorch: the search reads names, versions and headers, not code. */
export function writeLibtorch(
  root: string,
  version: string,
  options: { cuda?: boolean; archive?: boolean } = {},
): string {
  mkdirSync(join(root, 'lib'), { recursive: true });
  for (const name of ['libc10.so', 'libtorch_cpu.so']) writeFileSync(join(root, 'lib', name), emptyLibrary());
  if (options.cuda ?? true) writeFileSync(join(root, 'lib', 'libtorch_cuda.so'), emptyLibrary());
  if (options.archive) writeFileSync(join(root, 'build-version'), `${version}\n`);
  else writeFileSync(join(root, 'version.py'), `from typing import Optional\n\n__version__ = '${version}'\n`);
  return root;
}
