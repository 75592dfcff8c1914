// @ts-check
/**
 * Builds what is published: `npm run release`. Publishes nothing itself.
 *
 *     node scripts/release.mjs [--output FOLDER] [--with FOLDER] [--trial [--addon FOLDER]]
 *
 * Into the folder, build/release by default, come the package of this machine's platform, which has the compiled addon,
 * the main package, which names it as an optional dependency, and a record of the trial: both are installed into an
 * empty project that has nothing but Node, and predict. --with names the folder of a release of the same commit on
 * another platform: the main package then names that platform's package, too. --trial packs what is being worked on,
 * marked as private, so that it can be installed but not published; --addon then names a build that is taken as it is.
 */
import '../bin/refuse-old-node.js';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sourceOf } from './bundle/manifest.mjs';
import { preparedModules } from './release/modules.mjs';
import { packFolder } from './release/pack.mjs';
import { thisPlatform } from './release/platforms.mjs';
import { checkOutputFolder, replaceRelease } from './release/output-folder.mjs';
import { otherPlatforms } from './release/other-platforms.mjs';
import { refusals } from './release/refusals.mjs';
import { stageMain, stagePlatform } from './release/staging.mjs';
import { tryPackages } from './release/trial.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { inRepository } from './setup/repository.mjs';
import { Step } from './setup/step.mjs';

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        output: { type: 'string', default: inRepository('build', 'release') },
        with: { type: 'string', multiple: true, default: [] },
        trial: { type: 'boolean', default: false },
        addon: { type: 'string' },
      },
    });
    if (values.trial || values.addon === undefined) return values;
  } catch {
    // Reported below, in one line for every kind of mistake.
  }
  const words = process.argv.slice(2).join(' ');
  throw new SetupFailure(
    `Expected --output FOLDER, --with FOLDER, --trial, or --addon FOLDER with it but received \`${words}\``,
  );
}

async function release() {
  const options = readArguments();
  const { trial } = options;
  const output = resolve(options.output);
  const otherFolders = options.with.map((folder) => resolve(folder));
  checkOutputFolder(output, otherFolders);
  const problems = await refusals({ trial });
  if (problems.length > 0) throw new SetupFailure(problems.join('\n'));
  const { revision } = await sourceOf();
  const others = otherFolders.flatMap((folder) => otherPlatforms(folder, revision));
  const work = mkdtempSync(join(tmpdir(), 'virnucpro-release-'));
  const step = new Step('release');
  try {
    const { modules, needs } = await preparedModules({ step, work, given: options.addon, trial });
    const platform = { platform: thisPlatform, modules, needs, trial };
    stagePlatform(join(work, 'platform'), platform);
    const names = [thisPlatform, ...others.map(({ name }) => name)];
    stageMain(join(work, 'main'), { platforms: names, trial });
    // Addresses are of no use to a trial, and pip takes a minute or more to say them.
    if (!trial) await addRecordedWheels(step, join(work, 'main'));
    const results = join(work, 'results');
    mkdirSync(results);
    const packed = await packFolder(join(work, 'platform'), results);
    const main = await packFolder(join(work, 'main'), results);
    step.say('installing both into an empty project');
    await tryPackages({ main, platform: packed, name: thisPlatform, folder: join(work, 'trial') });
    const record = { platform: thisPlatform, revision, file: basename(packed.tarball), sha256: hashOf(packed.tarball) };
    const recordFile = join(results, `${thisPlatform}.tested.json`);
    writeFileSync(recordFile, `${JSON.stringify(record, null, 2)}\n`);
    replaceRelease(output, [...[packed, main, ...others].map(({ tarball }) => tarball), recordFile]);
    for (const { tarball } of [packed, main]) {
      const size = (statSync(tarball).size / 1e6).toFixed(1);
      step.say(`${join(output, basename(tarball))} (${size} MB)`);
    }
    step.done(
      trial ? 'packed, for this machine only' : 'packed and tried. Publish the platforms first, then virnucpro',
    );
  } finally {
    step.interrupted();
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {Step} step @param {string} folder of the main package */
async function addRecordedWheels(step, folder) {
  step.say('asking pip where the wheels of libtorch are');
  // It needs the compiled library, which `refusals` has checked.
  const { hostsOf, recordWheels, textOf } = await import('./release/record-wheels.mjs');
  const wheels = await recordWheels();
  step.say(`they are on ${hostsOf(wheels)}`);
  writeFileSync(join(folder, 'wheels.json'), textOf(wheels));
}

/** @param {string} path */
function hashOf(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

try {
  await release();
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
