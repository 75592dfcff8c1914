// @ts-check
import { spawn } from 'node:child_process';
import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SetupFailure } from '../setup/failure.mjs';
import { findProgram } from '../setup/tools.mjs';

/** Fixed, since xz's output depends on whether it works in blocks, which it does from two threads on. */
const THREADS = 4;

/**
 * Packs a folder into a .tar.xz, the format that every cluster machine unpacks. The same folder gives the same bytes.
 * @param {string} folder @param {string} output
 * @param {{ preset: string, seconds: number }} options seconds: the time given to every file, since 1970
 */
export async function packArchive(folder, output, { preset, seconds }) {
  for (const name of ['tar', 'xz']) {
    if (!findProgram(name)) throw new SetupFailure(`${name} is missing: \`apt-get install tar xz-utils\``);
  }
  const temporary = `${output}.part`;
  const tar = spawn('tar', tarArgs(folder, seconds), { stdio: ['ignore', 'pipe', 'inherit'] });
  const xz = spawn('xz', [`-${preset}`, `-T${THREADS}`, '--stdout'], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await Promise.all([
      ended('tar', tar),
      ended('xz', xz),
      pipeline(tar.stdout, xz.stdin),
      pipeline(xz.stdout, createWriteStream(temporary)),
    ]);
    renameSync(temporary, output);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** @param {string} folder @param {number} seconds */
function tarArgs(folder, seconds) {
  return [
    ...[
      '--create',
      '--format=ustar',
      '--sort=name',
      `--mtime=@${seconds}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
    ],
    ...['--mode=u=rwX,go=rX', '--directory', dirname(folder), basename(folder)],
  ];
}

/** @param {string} name @param {import('node:child_process').ChildProcess} child @returns {Promise<void>} */
function ended(name, child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new SetupFailure(`${name} ended with exit code ${code}: is there room for the bundle?`));
    });
  });
}
