import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import type { Libtorch } from '../../lib/engine/libtorch/find-libtorch.js';
import { compileFakeDriver, noCompiler } from '../fake-driver.js';
import { repositoryRoot } from '../repository.js';

const SOURCES = join(repositoryRoot, 'test', 'simulated-gpu');
/** Kept between runs, so that only what changed is compiled. */
export const FOLDER = join(repositoryRoot, 'build', 'simulated-gpu');
/** The fake driver, for LD_LIBRARY_PATH. */
export const DRIVER = join(FOLDER, 'driver');
/** Not beside the driver, where the linker would find it even for a libtorch without a compiler. */
const COMPILER = join(FOLDER, 'compiler');
/** Turns a kernel for GPUs into one for the host. */
export const EMULATION = join(repositoryRoot, 'test', 'cuda-emulation');
/** Roots of a libtorch with a simulated CUDA half, with and without the kernel compiler. */
export const LIBTORCH = join(FOLDER, 'libtorch', 'torch');
export const LIBTORCH_WITHOUT_COMPILER = join(FOLDER, 'libtorch-without-compiler', 'torch');

/** Records which sources the folder was built from. */
const STAMP = join(FOLDER, 'built-from');
/** Beside the folder, which a build may remove. */
const LOCK = `${FOLDER}.lock`;

/** What is missing to simulate GPUs; undefined if nothing is. */
export function missingTools(): string | undefined {
  const { root } = loadAddon().libtorch;
  const headers = existsSync(join(root, 'include')) ? undefined : `${root} has no headers to compile with`;
  return noCompiler() ?? noProgram('cmake') ?? noProgram('flock') ?? headers;
}

function noProgram(name: string): string | undefined {
  const { error } = spawnSync(name, ['--version']);
  return error && `${name} is missing: install it with the package manager of this system`;
}

/**
 * Builds what changed; all of it takes most of a minute. When several processes ask at once, one builds and the others
 * wait: test files run in parallel, and a library must not change under a process that has loaded it.
 */
export function ensureBuilt(): void {
  if (isBuilt()) return;
  mkdirSync(dirname(FOLDER), { recursive: true });
  run('flock', [LOCK, process.execPath, fileURLToPath(import.meta.url)]);
}

function isBuilt(): boolean {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp();
}

/** A hash of everything that the build reads. */
function stamp(): string {
  const hash = createHash('sha256').update(`${repositoryRoot}\n${loadAddon().libtorch.root}\n`);
  for (const folder of [SOURCES, EMULATION, join(repositoryRoot, 'test', 'fixtures', 'fake-driver')]) {
    for (const name of readdirSync(folder).sort()) hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex');
}

function build(): void {
  if (isBuilt()) return;
  const { libtorch } = loadAddon();
  rmSync(STAMP, { force: true });
  compile(libtorch.root);
  compileFakeDriver(DRIVER, ['cuda', 'nvml']);
  compileFakeDriver(COMPILER, ['nvrtc']);
  makeLibtorch(libtorch, LIBTORCH, true);
  makeLibtorch(libtorch, LIBTORCH_WITHOUT_COMPILER, false);
  writeFileSync(STAMP, stamp());
}

function compile(libtorch: string): void {
  forgetMovedBuild(FOLDER, SOURCES);
  const generator = spawnSync('ninja', ['--version']).error ? [] : ['-G', 'Ninja'];
  run('cmake', ['-S', SOURCES, '-B', FOLDER, ...generator, `-DLIBTORCH=${libtorch}`]);
  run('cmake', ['--build', FOLDER, '--parallel', '2']);
}

/** CMake refuses a configuration from before the checkout was moved or copied. */
export function forgetMovedBuild(folder: string, sources: string): void {
  const cache = join(folder, 'CMakeCache.txt');
  if (existsSync(cache) && !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${sources}\n`)) {
    rmSync(folder, { recursive: true });
  }
}

function run(program: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
}

/**
 * Links to all of this libtorch's files except its CUDA half. The version names CUDA even if this libtorch has none.
 */
function makeLibtorch({ root, version }: Libtorch, made: string, hasCompiler: boolean): void {
  const folder = dirname(made);
  rmSync(folder, { recursive: true, force: true });
  linkAll(join(root, 'lib'), join(made, 'lib'), (name) => name !== 'libtorch_cuda.so');
  cpSync(join(FOLDER, 'libtorch_cuda.so'), join(made, 'lib', 'libtorch_cuda.so'));
  const companions = join(folder, 'nvidia', 'cu13', 'lib');
  linkAll(join(dirname(root), 'nvidia', 'cu13', 'lib'), companions, (name) => !name.startsWith('libnvrtc'));
  if (hasCompiler) symlinkSync(join(COMPILER, 'libnvrtc.so.13'), join(companions, 'libnvrtc.so.13'));
  writeFileSync(join(made, 'build-version'), `${version.split('+')[0]}+cu130\n`);
}

function linkAll(from: string, to: string, isWanted: (name: string) => boolean): void {
  mkdirSync(to, { recursive: true });
  if (!existsSync(from)) return;
  for (const name of readdirSync(from).filter(isWanted)) symlinkSync(join(from, name), join(to, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
