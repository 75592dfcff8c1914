// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../setup/cache-folder.mjs';
import { run } from '../setup/child.mjs';
import { SetupFailure } from '../setup/failure.mjs';
import { inRepository } from '../setup/repository.mjs';

/** @typedef {import('./platforms.mjs').OldSystem} OldSystem */

/**
 * The folder with the headers and libraries of an old system, fetched into the cache once.
 * @param {OldSystem} system @param {import('../setup/step.mjs').Step} step
 */
export async function provideOldSystem(system, step) {
  const folder = join(cacheFolder(), `system-${system.name.split('/').at(-1)}-${system.version}`);
  const root = join(folder, system.root);
  if (existsSync(root)) return root;
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    step.say(`downloading ${system.name} ${system.version} (50 MB)`);
    await succeed('npm', ['pack', `${system.name}@${system.version}`, '--pack-destination', partial]);
    const [tarball = ''] = readdirSync(partial);
    refuseOther(join(partial, tarball), system);
    await succeed('tar', ['-xf', join(partial, tarball), '-C', partial]);
    const packed = join(partial, 'package');
    const archive = readdirSync(packed).find((name) => name.endsWith('.tar.xz')) ?? '';
    await succeed('tar', ['-xf', join(packed, archive), '-C', packed, `./${system.root}`]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(packed, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return root;
}

/** @param {string} path @param {OldSystem} system */
function refuseOther(path, { name, version, integrity }) {
  const found = `sha512-${createHash('sha512').update(readFileSync(path)).digest('base64')}`;
  if (found !== integrity)
    throw new SetupFailure(`Expected ${integrity} for ${name} ${version} but it is ${found}. Nothing was released`);
}

/** @param {string} program @param {string[]} words */
async function succeed(program, words) {
  const { succeeded, output } = await run(program, words);
  if (!succeeded) throw new SetupFailure(`\`${program} ${words.join(' ')}\` failed: ${output.trim()}`);
}

/**
 * CMake's definitions for a build that runs on that system and later ones.
 * @param {string} root of `provideOldSystem`
 */
export function definitionsFor(root) {
  const changes = inRepository('scripts', 'release', 'old-system');
  const compiler = [`--sysroot=${root}`, `-I${changes}`, `-include ${join(changes, 'old-symbols.h')}`];
  // Before the compiler's own folders, which have this machine's C library.
  const linker = [`-B${root}/usr/lib`, `-L${root}/usr/lib`].join(' ');
  return [
    `-DCMAKE_CXX_FLAGS=${compiler.join(' ')}`,
    `-DCMAKE_MODULE_LINKER_FLAGS=${linker}`,
    // Only CMake's own probes are programs; the libraries that they are linked to are this machine's.
    `-DCMAKE_EXE_LINKER_FLAGS=${linker} -Wl,--allow-shlib-undefined`,
  ];
}
