import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../repository.js';
import { emptyLibrary, pinnedTo } from './made-up-wheels.js';
import type { MadeUpWheel } from './made-up-wheels.js';

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

const NETWORK_SETTINGS = /^(PIP_|SSL_CERT_FILE$|(HTTPS?|NO)_PROXY$)/i;

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
    // Without what this machine's user has set for pip and the network.
    const others = Object.entries(process.env).filter(([name]) => !NETWORK_SETTINGS.test(name));
    this.environment = {
      ...Object.fromEntries(others),
      PIP_CONFIG_FILE: '/dev/null',
      NETRC: '/dev/null',
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

  /** Uses a copy of the compiled library, in which `pinWheels` may change what setup fetches. */
  copyCompiledLibrary(): void {
    const library = this.path('dist', 'lib');
    cpSync(compiledLibrary, library, { recursive: true });
    symlinkSync(join(repositoryRoot, 'node_modules'), this.path('node_modules'));
    renameSync(join(library, 'setup', 'wheel-table.js'), join(library, 'setup', 'real-wheel-table.js'));
  }

  /** Makes these the wheels that setup fetches. */
  pinWheels(wheels: readonly MadeUpWheel[]): void {
    const pinned = Object.fromEntries(wheels.map((wheel) => [`${wheel.name} ${wheel.version}`, pinnedTo(wheel)]));
    this.write('dist/lib/setup/wheel-table.js', madeUpTable(pinned));
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

/** A module in the place of wheel-table.js: the real wheels, but with these files where the real ones are pinned. */
function madeUpTable(pinned: object): string {
  return `import { libtorchWheels, titleOf } from './real-wheel-table.js';
export * from './real-wheel-table.js';
const pinned = ${JSON.stringify(pinned)};
for (const { torch, companions, cudaCompanions } of Object.values(libtorchWheels)) {
  for (const wheel of [torch, ...companions, ...cudaCompanions]) {
    if (wheel.files.x64 !== undefined) wheel.files = pinned[titleOf(wheel)];
  }
}
`;
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
