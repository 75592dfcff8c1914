// @ts-check
import { rmSync } from 'node:fs';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';

/** @typedef {import('./cmake.mjs').Command} Command */

/** Compiling libtorch's headers takes up to 2 GB of memory per job: no more jobs than a small machine has room for. */
const parallelJobs = 2;

/** @param {Command} command @param {string} folder that it configures */
export async function configureAddon(command, folder) {
  const first = await run(...command);
  if (first.succeeded) return;
  // CMake refuses a build folder that was made elsewhere or for another generator; a fresh one mends that.
  rmSync(folder, { recursive: true, force: true });
  const second = await run(...command);
  if (!second.succeeded) throw new SetupFailure(`The addon cannot be configured:\n${second.output.trim()}`);
}

/** @param {import('./step.mjs').Step} step @param {(jobs: number) => Command} command */
export async function compileAddon(step, command) {
  /** @param {string} line */
  const onLine = (line) => {
    const position = /^\[(\d+)\/(\d+)\]/.exec(line);
    const percent = /^\[ *(\d+)%\]/.exec(line);
    if (position) step.progress('compiling', Number(position[1]) / Number(position[2]));
    else if (percent) step.progress('compiling', Number(percent[1]) / 100);
  };
  const { succeeded, output } = await run(...command(parallelJobs), { onLine });
  if (!succeeded) throw new SetupFailure(`The addon does not compile:\n${output.trim()}`);
  if (output.includes('warning:')) step.say(`compiler warnings:\n${output.trim()}`);
}
