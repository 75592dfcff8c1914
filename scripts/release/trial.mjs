// @ts-check
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../setup/child.mjs';
import { SetupFailure } from '../setup/failure.mjs';
import { findProgram } from '../setup/tools.mjs';
import { serveLocally } from './local-registry.mjs';
import { packageOf } from './platforms.mjs';

/** @typedef {{ manifest: Record<string, unknown>, tarball: string }} Packed */

/**
 * Installs the packages into an empty project as a user would, with nothing but Node on PATH, then has the installation
 * check itself and predict the examples.
 * @param {{ main: Packed, platform: Packed, name: string, folder: string }} packages name: of the platform; folder: an
 *   empty one
 */
export async function tryPackages({ main, platform, name, folder }) {
  const bin = join(folder, 'bin');
  const project = join(folder, 'project');
  for (const path of [bin, project]) mkdirSync(path, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
  const registry = await serveLocally([platform]);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'trial', private: true }));
  writeFileSync(join(project, '.npmrc'), registry.settings);
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, PATH: bin };
  // Otherwise the addon of the checkout would be tried.
  delete env['VIRNUCPRO_ADDON'];
  /** @param {...string} words */
  const node = async (...words) => {
    const { succeeded, output } = await run(process.execPath, words, { cwd: project, env });
    if (!succeeded)
      throw new SetupFailure(`The packages fail their trial: \`${words.join(' ')}\` says: ${output.trim()}`);
    return output;
  };
  try {
    const npm = realpathSync(findProgram('npm') ?? 'npm');
    await node(npm, 'install', '--no-audit', '--no-fund', main.tarball);
    await node(npm, 'ci', '--no-audit', '--no-fund');
    const installed = join(project, 'node_modules', 'virnucpro');
    const virnucpro = join(installed, 'bin', 'virnucpro.js');
    const checked = await node(virnucpro, 'doctor');
    if (!checked.includes(join('node_modules', packageOf(name), 'virnucpro.node')))
      throw new SetupFailure(`The packages fail their trial: another addon is used. doctor says: ${checked.trim()}`);
    await node(virnucpro, 'predict', join(installed, 'examples', 'contigs.fa'), '-o', 'results', '--device', 'cpu');
    const table = readFileSync(join(project, 'results', 'contigs.tsv'), 'utf8');
    if (!/^dna_phage\t.*\tvirus\t/m.test(table))
      throw new SetupFailure(`The packages fail their trial: they do not call dna_phage a virus: ${table}`);
  } finally {
    await registry.close();
  }
}
