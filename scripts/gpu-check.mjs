// @ts-check
/**
 * Checks in less than 8 minutes what only a GPU can show: that its numbers are right, that the command keeps its
 * promises, that it survives a full memory, and how fast it is. Needs a checkout that is set up, or a bundle.
 *
 *     node scripts/gpu-check.mjs [--device cuda:0 | --device cpu --quick] [--output gpu-check.json] [--minutes 8]
 *                                [--only STEP,...] [--temporary FOLDER]
 *
 * Exits with 0 when all bars are met, 2 when one is not, 1 when something is broken or there is no GPU.
 * --quick uses tiny models and judges no speed, to try the check itself.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { acceptanceStep } from './gpu-check/acceptance.mjs';
import { attentionStep } from './gpu-check/attention.mjs';
import { endChildren, runVirnucpro } from './gpu-check/command.mjs';
import { doctorStep } from './gpu-check/doctor.mjs';
import { goldenStep, torchscriptStep } from './gpu-check/golden.mjs';
import { idleStep } from './gpu-check/idle.mjs';
import { kernelsStep } from './gpu-check/kernels.mjs';
import { describeMachine } from './gpu-check/machine.mjs';
import { startModels } from './gpu-check/models.mjs';
import { memoryStep } from './gpu-check/out-of-memory.mjs';
import { exitCodeOf, linesOf, tableOf } from './gpu-check/report.mjs';
import { speedSteps } from './gpu-check/speed.mjs';
import { runSteps } from './gpu-check/steps.mjs';

/** @typedef {import('./gpu-check/steps.mjs').Context} Context */

const steps = [
  ...[doctorStep, goldenStep, acceptanceStep, attentionStep, kernelsStep, memoryStep, ...speedSteps, idleStep],
  torchscriptStep,
];

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        device: { type: 'string' },
        quick: { type: 'boolean', default: false },
        output: { type: 'string', default: 'gpu-check.json' },
        minutes: { type: 'string', default: '8' },
        only: { type: 'string' },
        temporary: { type: 'string', default: tmpdir() },
      },
    });
    const only = values.only?.split(',');
    const known = only?.every((name) => steps.some((step) => step.name === name)) ?? true;
    if (known && Number(values.minutes) > 0 && /^(cpu|cuda:\d+)$/.test(values.device ?? 'cpu')) {
      return { ...values, minutes: Number(values.minutes), only };
    }
  } catch {
    // Reported below, in one line for every kind of mistake.
  }
  console.error(
    `Expected --device cpu or cuda:N, --quick, --output FILE, --minutes N, --temporary FOLDER, ` +
      `--only with ${steps.map(({ name }) => name).join(', ')}`,
  );
  process.exit(1);
}

async function check() {
  const { device: asked, quick, minutes, only, output, temporary } = readArguments();
  const chosen = steps.filter(({ name }) => only?.includes(name) ?? true);
  const started = new Date();
  const deadline = performance.now() / 1000 + minutes * 60;
  const folder = mkdtempSync(join(resolve(temporary), 'virnucpro-gpu-check-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      endChildren();
      process.exit(1);
    });
  }
  // So that the leftovers of the library and its children are removed with the folder.
  process.env['TMPDIR'] = folder;

  const listed = await runVirnucpro(['devices', '--json'], { seconds: 60 });
  const devices = listed.stdout.startsWith('{') ? JSON.parse(listed.stdout).devices : undefined;
  if (!devices) return fail(`The devices cannot be listed: ${listed.stderr.trim()}`);
  const gpus = devices.filter(
    (/** @type {{ id: string, usable: boolean }} */ { id, usable }) => id !== 'cpu' && usable,
  );
  const device = asked ?? gpus[0]?.id;
  if (device === undefined) {
    const reason = listed.stderr.trim();
    return fail(`skipped: no CUDA device${reason && ` (${reason})`}. --device cpu --quick tries the check itself`);
  }
  if (!devices.some((/** @type {{ id: string }} */ { id }) => id === device)) {
    return fail(
      `Expected one of ${devices.map((/** @type {{ id: string }} */ { id }) => id).join(', ')} but received ${device}`,
    );
  }

  const machine = await describeMachine(devices);
  /** @type {import('./gpu-check/steps.mjs').StepResult[]} */
  const results = [];
  // After every step, so that the results so far survive however the check ends.
  const save = () => {
    const seconds = (Date.now() - started.getTime()) / 1000;
    const facts = { formatVersion: 1, started: started.toISOString(), seconds, device, quick, machine };
    writeFileSync(output, `${JSON.stringify({ ...facts, exitCode: exitCodeOf(results), steps: results }, null, 2)}\n`);
    return seconds;
  };
  try {
    save();
  } catch (error) {
    return fail(`The results cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }

  console.log(`Checking ${device} in at most ${minutes} minutes`);
  const models = startModels({ folder: join(folder, 'models'), quick });
  /** @type {Context} */
  const context = { device, gpus: gpus.map((/** @type {{ id: string }} */ { id }) => id), quick, folder, models };
  await runSteps(chosen, context, deadline, (result) => {
    results.push(result);
    save();
    console.log(linesOf(result).join('\n'));
  });
  endChildren();
  const seconds = save();
  console.log(`\n${tableOf(results)}\n\n${seconds.toFixed(0)} s; all figures are in ${output}`);
  process.exitCode = exitCodeOf(results);
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exitCode = 1;
}

await check();
