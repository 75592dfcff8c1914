// @ts-check
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { filesBelow } from './fingerprint.mjs';

/** @typedef {import('./versions.mjs').Wheel} Wheel */

const pollMilliseconds = 500;

/**
 * Downloads one wheel with pip, so that the user's index, proxy and certificate settings apply.
 * @param {Wheel} wheel
 * @param {string} folder emptied first; the wheel is the only file in it afterwards
 * @param {(fraction: number) => void} onProgress
 * @returns {Promise<string>} the wheel's path
 */
export async function downloadWheel(wheel, folder, onProgress) {
  rmSync(folder, { recursive: true, force: true });
  // pip downloads into TMPDIR first: on the same disk the file is only renamed from there, and its growth can be
  // watched.
  const temporary = join(folder, 'temporary');
  const downloaded = join(folder, 'wheel');
  mkdirSync(temporary, { recursive: true });
  const timer = setInterval(() => onProgress(largestFile(folder) / (wheel.megabytes * 1e6)), pollMilliseconds);
  const { succeeded, output } = await run('python3', pipArguments(wheel, downloaded), {
    env: { ...process.env, TMPDIR: temporary },
  });
  clearInterval(timer);
  const name = succeeded ? readdirSync(downloaded).find((file) => file.endsWith('.whl')) : undefined;
  if (name === undefined) throw new SetupFailure(explain(wheel, output));
  return join(downloaded, name);
}

/** @param {Wheel} wheel @param {string} folder */
function pipArguments({ name, version }, folder) {
  return [
    ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-cache-dir', '--disable-pip-version-check'],
    ...['--python-version', '3.12', '--implementation', 'cp', ...platforms().flatMap((tag) => ['--platform', tag])],
    ...['-d', folder, `${name}==${version}`],
  ];
}

/** A wheel names the oldest glibc that it runs on, and pip does not infer the older ones by itself. */
function platforms() {
  const processor = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const minorVersions = Array.from({ length: 28 - 17 + 1 }, (_, index) => 28 - index);
  return [...minorVersions.map((minor) => `manylinux_2_${minor}_${processor}`), `manylinux2014_${processor}`];
}

/** @param {string} folder */
function largestFile(folder) {
  const sizes = filesBelow(folder).map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  return Math.max(0, ...sizes);
}

/** @param {Wheel} wheel @param {string} output */
function explain({ name, version }, output) {
  const lines = output.trim().split('\n');
  const unreachable = lines.some((line) => /NewConnectionError|NameResolution|name resolution|timed out/i.test(line));
  const reason = unreachable
    ? 'the package index cannot be reached'
    : (lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? '').replace(/^ERROR: /, '');
  const where = version.includes('+')
    ? "PyTorch's own index of wheels for that CUDA has it: `export PIP_EXTRA_INDEX_URL=` its address (see PyTorch's " +
      'installation page), install a newer NVIDIA driver, or do without GPUs (--no-cuda)'
    : 'Check the network and `python3 -m pip config list`, or `export LIBTORCH=/an/unpacked/libtorch`';
  return `Could not download ${name} ${version}: ${reason}. ${where}`;
}

const unpacking = `
import re, sys, zipfile
wheel, folder, kept = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if re.search(kept, name) and not name.endswith("/"):
            archive.extract(name, folder)
`;

/**
 * Unpacks the files of a wheel whose names match, and checks the checksum of each.
 * @param {string} wheel
 * @param {string} folder
 * @param {string} kept a regular expression that JavaScript and Python read alike
 */
export async function unpackWheel(wheel, folder, kept) {
  mkdirSync(folder, { recursive: true });
  const { succeeded, output } = await run('python3', ['-c', unpacking, wheel, folder, kept]);
  if (!succeeded) throw new SetupFailure(`Could not unpack ${wheel}: ${output.trim().split('\n').at(-1) ?? ''}`);
}
