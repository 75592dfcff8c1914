// @ts-check
import { spawn } from 'node:child_process';
import { Cgroup } from './cgroup.mjs';
import { killAtBytes } from './kills.mjs';
import { NotSurvived } from './not-survived.mjs';
import { journalBytes, describeEnd } from './predicting.mjs';

/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

const MIB = 2 ** 20;
/** Room for the run alone and for what takes its memory alone, but not for both. */
const CGROUP_BYTES = 800 * MIB;
const TAKEN_BYTES = 760 * MIB;
const OUT_OF_MEMORY = "killed by the kernel: its cgroup's memory is used up";

/** Limits of a process, met midway or on resuming. @param {number} times of each @returns {Fault[]} */
export function limits(times) {
  /** @param {string} name @param {Trial} trial @returns {Fault} */
  const fault = (name, trial) => ({ name, trials: Array.from({ length: times }, () => trial) });
  const noFolder = 'cd "$(mktemp -d)" && rmdir "$PWD"';
  return [
    fault(OUT_OF_MEMORY, outOfMemory),
    fault('limit on open files: refused', refusedUnder('ulimit -n 64', /limit of at least 128 open files/)),
    fault(
      'limit on the address space: refused',
      refusedUnder('ulimit -v 1700000', /libtorch needs \d+ MiB of address space/),
    ),
    fault('working directory removed: refused', refusedUnder(noFolder, /working directory was removed/)),
  ];
}

/** Leaves out a fault that is impossible on this machine. @param {Fault} fault @returns {Fault} */
export function limitMissing(fault) {
  if (fault.name !== OUT_OF_MEMORY) return fault;
  const cgroup = Cgroup.make({ memory: CGROUP_BYTES });
  if (typeof cgroup === 'string') return { ...fault, trials: [], leftOut: cgroup };
  cgroup.remove();
  return fault;
}

/** Midway, another process in the run's cgroup takes the memory. @type {Trial} */
async function outOfMemory(laboratory, random) {
  const { plain } = laboratory.subjects;
  const directory = laboratory.newDirectory();
  const { journalBytes: all } = await laboratory.undisturbed(plain);
  const cgroup = Cgroup.make({ memory: CGROUP_BYTES });
  if (typeof cgroup === 'string') throw new NotSurvived(cgroup);
  try {
    const first = 'echo 1000 > /proc/self/oom_score_adj';
    const run = laboratory.begin(plain, directory, [], { before: `${first} && ${cgroup.entering}` });
    const bytes = all * 0.5 * random.fraction();
    await run.until(() => journalBytes(directory) >= bytes);
    const stop = takeMemory(cgroup);
    const ended = await run.ended;
    await stop();
    if (ended.signal !== 'SIGKILL') throw new NotSurvived(`expected the kernel to kill it, but ${describeEnd(ended)}`);
  } finally {
    cgroup.remove();
  }
  return laboratory.resume(plain, directory);
}

/** @param {Cgroup} cgroup @returns {() => Promise<void>} gives the memory back */
function takeMemory(cgroup) {
  const script = `${cgroup.entering} && exec "$@"`;
  const program = `globalThis.taken = Buffer.alloc(${TAKEN_BYTES}, 1); setInterval(() => undefined, 1000);`;
  const taker = spawn('bash', ['-c', script, 'bash', process.execPath, '-e', program], { stdio: 'ignore' });
  const closed = new Promise((resolve) => taker.on('close', resolve)).then(() => undefined);
  return () => {
    taker.kill('SIGKILL');
    return closed;
  };
}

/**
 * Resumes a killed run under a limit, which must refuse it; the refusal must lose nothing.
 * @param {string} before lines of shell @param {RegExp} reason @returns {Trial}
 */
function refusedUnder(before, reason) {
  return async (laboratory, random) => {
    const { plain } = laboratory.subjects;
    const directory = laboratory.newDirectory();
    const { journalBytes: all } = await laboratory.undisturbed(plain);
    const run = laboratory.begin(plain, directory);
    await killAtBytes(run, directory, { bytes: all * 0.9 * random.fraction(), delay: 0 });
    const ended = await laboratory.begin(plain, directory, ['--resume'], { before }).ended;
    if (ended.code !== 1 || !reason.test(ended.errors) || /internal error/.test(ended.errors)) {
      throw new NotSurvived(`expected exit code 1 and ${reason.source}, but ${describeEnd(ended)}`);
    }
    return laboratory.resume(plain, directory);
  };
}
