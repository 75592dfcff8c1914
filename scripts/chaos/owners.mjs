// @ts-check
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { framesIn, journalRecords } from './journal-file.mjs';
import { NotSurvived } from './not-survived.mjs';
import { journalBytes, describeEnd } from './predicting.mjs';

/** @typedef {import('./laboratory.mjs').Laboratory} Laboratory */
/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

const CONTAINER = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'];
const HANGING_MILLISECONDS = 4000;

/**
 * Two runs compete for one directory, or a run loses it: incomplete results must never be called complete.
 * @param {number} times of each @returns {Fault[]}
 */
export function owners(times) {
  const noContainer = works([...CONTAINER, 'true']) ? undefined : 'unshare may not make namespaces here';
  const noHanging = works(['bindfs', '--version']) ? undefined : 'bindfs is not installed';
  /** @param {string} name @param {Trial} trial @param {string} [leftOut] @returns {Fault} */
  const fault = (name, trial, leftOut) => {
    const trials = Array.from({ length: leftOut === undefined ? times : 0 }, () => trial);
    return { name, trials, ...(leftOut !== undefined && { leftOut }) };
  };
  return [
    fault('two containers in one folder, both process 1', secondContainer, noContainer),
    fault('one folder: stopped, taken over by another container, woken', takenOver, noContainer),
    fault('one folder: a clean-up removes .unfinished-*', cleanedUp(/^\.unfinished-/)),
    fault('one folder: a clean-up removes the journal', cleanedUp(/^\.journal$/)),
    fault('one folder: its file system hangs (FUSE)', hanging, noHanging),
  ];
}

/** @param {readonly string[]} args */
function works([program = '', ...args]) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/**
 * Starts a run and waits until some of its batches are computed.
 * @param {Laboratory} laboratory @param {import('./random.mjs').Random} random @param {string} directory
 * @param {readonly string[]} [wrapper]
 */
async function begun(laboratory, random, directory, wrapper) {
  const { plain } = laboratory.subjects;
  const { journalBytes: all } = await laboratory.undisturbed(plain);
  const run = laboratory.begin(plain, directory, [], wrapper ? { wrapper } : {});
  await run.until(() => journalBytes(directory) > (0.2 + 0.4 * random.fraction()) * all);
  return run;
}

/** @param {import('./predicting.mjs').Ended} ended @param {RegExp} reason */
function checkEnd(ended, reason) {
  if (ended.code === 1 && reason.test(ended.errors)) return;
  throw new NotSurvived(`expected exit code 1 and ${reason.source}, but ${describeEnd(ended)}`);
}

/** @type {Trial} */
async function secondContainer(laboratory) {
  const { plain, standardInput } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  // Fed only after the second run was answered, so that it cannot end before.
  const first = laboratory.begin(standardInput, directory, [], { wrapper: CONTAINER, isFedLater: true });
  await first.until(() => journalBytes(directory) > 0);
  const second = laboratory.begin(plain, directory, ['--resume'], { wrapper: CONTAINER });
  checkEnd(await second.ended, /Another run writes to.*process 1 on .*Wait for that run/);
  first.feed();
  const ended = await first.ended;
  if (ended.code !== 0) throw new NotSurvived(`the first run: ${describeEnd(ended)}`);
  await laboratory.check(standardInput, directory);
  return { journaled: 0, again: 0 };
}

/** @type {Trial} */
async function takenOver(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const first = await begun(laboratory, random, directory, CONTAINER);
  first.send('SIGSTOP');
  const frames = framesIn(journalRecords(directory));
  const second = await laboratory.begin(plain, directory, ['--resume'], { wrapper: CONTAINER }).ended;
  if (second.code !== 0) throw new NotSurvived(`the second run: ${describeEnd(second)}`);
  await laboratory.check(plain, directory);
  first.send('SIGCONT');
  checkEnd(await first.ended, /VNP_OUTPUT_LOST/);
  await laboratory.check(plain, directory);
  return { journaled: frames, again: 0 };
}

/** @param {RegExp} what @returns {Trial} */
function cleanedUp(what) {
  return async (laboratory, random) => {
    const { plain } = laboratory.subjects;
    const directory = laboratory.newDirectory();
    const run = await begun(laboratory, random, directory);
    // Stopped, or it might end before it next checks its directory.
    run.send('SIGSTOP');
    for (const name of readdirSync(directory)) if (what.test(name)) rmSync(join(directory, name), { recursive: true });
    await sleep(6000);
    run.send('SIGCONT');
    checkEnd(await run.ended, /VNP_OUTPUT_LOST/);
    return laboratory.resume(plain, directory);
  };
}

/** @type {Trial} */
async function hanging(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const view = `${directory}-view`;
  mkdirSync(directory);
  mkdirSync(view);
  const device = statSync(view).dev;
  const daemon = spawn('bindfs', ['-f', '-s', directory, view], { stdio: 'ignore' });
  const closed = once(daemon, 'close');
  try {
    while (statSync(view).dev === device && daemon.exitCode === null) await sleep(20);
    const run = await begun(laboratory, random, view);
    daemon.kill('SIGSTOP');
    await sleep(HANGING_MILLISECONDS);
    daemon.kill('SIGCONT');
    const ended = await run.ended;
    if (ended.code !== 0) throw new NotSurvived(describeEnd(ended));
    await laboratory.check(plain, directory);
    return { journaled: 0, again: 0 };
  } finally {
    daemon.kill('SIGCONT');
    spawnSync('fusermount', ['-u', '-z', view], { stdio: 'ignore' });
    daemon.kill('SIGKILL');
    await closed;
    rmSync(view, { recursive: true, force: true });
  }
}
