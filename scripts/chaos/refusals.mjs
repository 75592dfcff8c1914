// @ts-check
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killAtBytes } from './kills.mjs';
import { BATCH_TOKENS, OTHER_MODEL } from './laboratory.mjs';
import { NotSurvived } from './not-survived.mjs';
import { journalBytes, describeEnd } from './predicting.mjs';

/** @typedef {import('./laboratory.mjs').Laboratory} Laboratory */
/** @typedef {import('./laboratory.mjs').Subject} Subject */
/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

/**
 * A run that cannot be resumed is refused with the reason; the right command then resumes it, as nothing was lost.
 * @param {number} times of each @returns {Fault[]}
 */
export function refusals(times) {
  /** @param {string} name @param {Trial} trial @returns {Fault} */
  const fault = (name, trial) => ({ name, trials: Array.from({ length: times }, () => trial) });
  const otherBatches = ['--esm-batch-size', String(BATCH_TOKENS + 1)];
  return [
    fault('a letter of the input changed: refused', changedInput),
    fault('another model: refused', refused(['--model', OTHER_MODEL], /DNABERT-S model .*ESM-2 model/)),
    fault('another precision: refused', refused(['--precision', 'bf16'], /precision fp32, .*precision bf16/)),
    fault('another batch size: refused', refused(otherBatches, /ESM-2 batch tokens 1200/)),
    fault('another engine: refused', refused(['--engine', 'torchscript'], /engine packed, .*engine torchscript/)),
    fault('without --resume: refused, with an offer', refused([], /not finished.*--resume.*--force/, false)),
    fault('a second run in the directory: refused', secondRun),
  ];
}

/**
 * Kills a run midway.
 * @param {Laboratory} laboratory @param {Random} random @param {Subject} subject
 */
async function killed(laboratory, random, subject) {
  const directory = laboratory.newDirectory();
  const { journalBytes: all } = await laboratory.undisturbed(subject);
  const run = laboratory.begin(subject, directory);
  await killAtBytes(run, directory, { bytes: all * (0.2 + 0.6 * random.fraction()), delay: 0 });
  return directory;
}

/** @param {import('./predicting.mjs').Ended} ended @param {RegExp} reason */
function checkRefusal(ended, reason) {
  if (ended.code === 1 && reason.test(ended.errors)) return;
  throw new NotSurvived(`expected exit code 1 and ${reason.source}, but ${describeEnd(ended)}`);
}

/** @param {readonly string[]} args @param {RegExp} reason @returns {Trial} */
function refused(args, reason, resumes = true) {
  return async (laboratory, random) => {
    const { plain } = laboratory.subjects;
    const directory = await killed(laboratory, random, plain);
    const run = laboratory.begin(plain, directory, [...(resumes ? ['--resume'] : []), ...args]);
    checkRefusal(await run.ended, reason);
    return laboratory.resume(plain, directory);
  };
}

/** @type {Trial} */
async function changedInput(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = await killed(laboratory, random, plain);
  const folder = join(laboratory.folder, 'changed');
  mkdirSync(folder, { recursive: true });
  const input = join(folder, 'contigs.fa');
  copyFileSync(plain.input, input);
  // In the first record, which is certainly in the journal. Changing A to C or another letter to A makes no stop codon.
  const bytes = readFileSync(input);
  const position = bytes.indexOf('\n') + 1 + random.below(70);
  bytes[position] = bytes[position] === 0x41 ? 0x43 : 0x41;
  writeFileSync(input, bytes);
  const run = laboratory.begin({ ...plain, input }, directory, ['--resume']);
  checkRefusal(await run.ended, /same input/);
  return laboratory.resume(plain, directory);
}

/** @type {Trial} */
async function secondRun(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const { journalBytes: all } = await laboratory.undisturbed(plain);
  const run = laboratory.begin(plain, directory);
  await run.until(() => journalBytes(directory) > 0.5 * random.fraction() * all);
  // Stopped, so that it cannot end while the second run is still loading.
  run.send('SIGSTOP');
  for (const word of ['--resume', '--force']) {
    checkRefusal(await laboratory.begin(plain, directory, [word]).ended, /Another run writes to.*Wait for that run/);
  }
  run.send('SIGCONT');
  const ended = await run.ended;
  if (ended.code !== 0) throw new NotSurvived(`the first run: ${describeEnd(ended)}`);
  await laboratory.check(plain, directory);
  return { journaled: 0, again: 0 };
}
