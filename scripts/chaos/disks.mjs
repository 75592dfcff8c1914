// @ts-check
import { cpSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { killAtBytes } from './kills.mjs';
import { NotSurvived } from './not-survived.mjs';
import { describeEnd } from './predicting.mjs';
import { difference, manifestIn, resultsIn } from './results.mjs';
import { SmallDisk } from './small-disk.mjs';

/** @typedef {import('./laboratory.mjs').Laboratory} Laboratory */
/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

const DISK_BYTES = 4 * 1024 * 1024;
const BLOCK = 1024;
/** Written before any batch: the owner's file, the log and the journal's key, in whole pages. */
const BEFORE_ANY_BATCH = 16 * 1024;

/** The disk is full or read-only, then mended; then a resume. @param {number} times of each @returns {Fault[]} */
export function disks(times) {
  /** @param {Trial} trial */
  const often = (trial) => Array.from({ length: times }, () => trial);
  return [
    { name: 'disk full (tmpfs), then freed', trials: often(full) },
    { name: 'disk full under --force: the earlier results stay', trials: often(fullUnderForce) },
    { name: 'disk read-only (tmpfs), then writable', trials: often(readOnly) },
    { name: 'files no longer than a limit (ulimit -f), then without', trials: often(limited) },
  ];
}

/** Why this machine cannot have a small disk; undefined if it can. @param {Laboratory} laboratory */
export async function smallDiskMissing({ folder }) {
  const disk = await SmallDisk.mount(folder, DISK_BYTES);
  if (typeof disk === 'string') return `no tmpfs can be mounted: ${disk}`;
  const reason = (await disk.remount(true)) ?? (await disk.remount(false));
  await disk.unmount();
  return reason;
}

/** @param {Laboratory} laboratory @param {(disk: SmallDisk) => Promise<import('./trials.mjs').Outcome>} use */
async function onSmallDisk({ folder }, use) {
  const disk = await SmallDisk.mount(folder, DISK_BYTES);
  if (typeof disk === 'string') throw new NotSurvived(`no tmpfs could be mounted: ${disk}`);
  try {
    return await use(disk);
  } finally {
    await disk.unmount();
  }
}

/** @param {import('./predicting.mjs').Ended} ended @param {RegExp} reason */
function checkRefusal(ended, reason) {
  if (ended.code === 1 && reason.test(ended.errors) && !/internal error/.test(ended.errors)) return;
  throw new NotSurvived(`expected exit code 1 and ${reason.source}, but ${describeEnd(ended)}`);
}

/** @param {import('./laboratory.mjs').Undisturbed} undisturbed */
function bytesNeeded({ fileBytes, journalBytes }) {
  return Object.values(fileBytes).reduce((sum, bytes) => sum + bytes, journalBytes);
}

/** @type {Trial} */
function full(laboratory, random) {
  return onSmallDisk(laboratory, async (disk) => {
    const { plain } = laboratory.subjects;
    const directory = join(disk.path, 'out');
    const undisturbed = await laboratory.undisturbed(plain);
    // Half of them have no room for the journal, so they fail midway; the others fail at the end, without room for
    // results.
    const room =
      random.below(2) === 0
        ? BEFORE_ANY_BATCH + undisturbed.journalBytes * random.fraction()
        : bytesNeeded(undisturbed) * (0.2 + 0.65 * random.fraction());
    disk.fill(DISK_BYTES - room);
    checkRefusal(await laboratory.begin(plain, directory).ended, /ENOSPC.*Free some space/);
    if (manifestIn(directory)?.outcome === 'complete') throw new NotSurvived('complete, on a full disk');
    disk.free();
    return laboratory.resume(plain, directory);
  });
}

/** @type {Trial} */
function fullUnderForce(laboratory, random) {
  return onSmallDisk(laboratory, async (disk) => {
    const { plain, few } = laboratory.subjects;
    const directory = join(disk.path, 'out');
    const earlier = laboratory.newDirectory();
    await laboratory.begin(few, earlier).ended;
    cpSync(earlier, directory, { recursive: true });
    const [before, manifest] = [resultsIn(directory), manifestIn(directory)];
    const needed = bytesNeeded(await laboratory.undisturbed(plain));
    const { bsize, bavail } = statfsSync(disk.path);
    disk.fill(bsize * bavail - needed * (0.1 + 0.6 * random.fraction()));
    checkRefusal(await laboratory.begin(plain, directory, ['--force']).ended, /ENOSPC.*Free some space/);
    const after = resultsIn(directory);
    after.delete('.journal');
    const different = difference(before, after);
    if (different !== '') throw new NotSurvived(`of the earlier results ${different}`);
    if (manifestIn(directory)?.started !== manifest.started) throw new NotSurvived('the earlier run.json is gone');
    disk.free();
    return laboratory.resume(plain, directory);
  });
}

/** @type {Trial} */
function readOnly(laboratory, random) {
  return onSmallDisk(laboratory, async (disk) => {
    const { plain } = laboratory.subjects;
    const directory = join(disk.path, 'out');
    mkdirSync(directory);
    const { journalBytes: all } = await laboratory.undisturbed(plain);
    const run = laboratory.begin(plain, directory);
    await killAtBytes(run, directory, { bytes: all * random.fraction(), delay: 0 });
    await disk.remount(true);
    const refused = await laboratory.begin(plain, directory, ['--resume']).ended;
    checkRefusal(refused, /EROFS.*Choose a directory on a file system that can be written to/);
    await disk.remount(false);
    return laboratory.resume(plain, directory);
  });
}

/** @type {Trial} */
async function limited(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const { fileBytes } = await laboratory.undisturbed(plain);
  const longest = fileBytes['windows.tsv'] ?? 0;
  const fileBlocks = Math.max(1, Math.floor((longest * (0.05 + 0.9 * random.fraction())) / BLOCK));
  checkRefusal(await laboratory.begin(plain, directory, [], { before: `ulimit -f ${fileBlocks}` }).ended, /EFBIG/);
  return laboratory.resume(plain, directory);
}
