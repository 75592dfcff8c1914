// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { libcProblem } from '../../bin/c-library.js';
import { run } from '../setup/child.mjs';
import { inRepository, repositoryRoot } from '../setup/repository.mjs';
import { findProgram } from '../setup/tools.mjs';
import { isCompiled } from '../setup/typescript.mjs';
import { platforms, thisPlatform } from './platforms.mjs';

/**
 * Why nothing can be released from here, a sentence each.
 * @param {{ trial: boolean }} options trial: of packages that stay on this machine, from whatever is being worked on
 */
export async function refusals({ trial }) {
  const always = [unknownPlatform(), ...missingPrograms(), uncompiled({ trial })];
  const published = trial ? [] : [await changedFiles(), await outdatedPages(), unknownVersion()];
  return [...always, ...published].filter((problem) => problem !== undefined);
}

function unknownPlatform() {
  const problem = libcProblem();
  if (problem !== undefined) return problem;
  if (Object.hasOwn(platforms, thisPlatform)) return undefined;
  const known = Object.keys(platforms).join(', ');
  return `Expected one of the platforms ${known} but this is ${thisPlatform}, where no release was ever tested`;
}

function missingPrograms() {
  return ['npm', 'tar', 'strip', 'readelf', 'objdump', 'cmake']
    .filter((name) => !findProgram(name))
    .map((name) => `${name} is missing: \`apt-get install npm tar binutils cmake\` brings all that a release needs`);
}

/** @param {{ trial: boolean }} options a trial packs what was compiled last */
function uncompiled({ trial }) {
  const isThere = existsSync(inRepository('dist', 'lib', 'index.js'));
  if (isThere && (trial || isCompiled())) return undefined;
  return `dist/ ${isThere ? 'was compiled from other sources' : 'is missing'}: run \`npm run setup\``;
}

async function changedFiles() {
  const { succeeded, output } = await run('git', ['-C', repositoryRoot, 'status', '--porcelain']);
  if (!succeeded) return `A release is made from a commit, but git says: ${output.trim()}`;
  const changed = output.split('\n').filter((line) => line !== '');
  if (changed.length === 0) return undefined;
  const some = changed.slice(0, 3).map((line) => line.slice(3));
  const others = changed.length > some.length ? ` and ${changed.length - some.length} more` : '';
  return `A release is made from a commit: commit, remove or ignore what is not in one (${some.join(', ')}${others})`;
}

/** The pages of docs/ that are made from the code. */
async function outdatedPages() {
  if (!existsSync(inRepository('dist', 'lib', 'index.js'))) return undefined;
  const { succeeded, output } = await run(process.execPath, [inRepository('scripts', 'docs.mjs'), '--check']);
  return succeeded ? undefined : `docs/ is not what the code says: run \`npm run docs\` (${output.trim()})`;
}

function unknownVersion() {
  const { version } = JSON.parse(readFileSync(inRepository('package.json'), 'utf8'));
  const changes = readFileSync(inRepository('CHANGELOG.md'), 'utf8');
  const heads = changes.split('\n').filter((line) => line.startsWith('## '));
  if (heads.some((line) => line.split(/[\s[\]]+/).includes(version))) return undefined;
  return `CHANGELOG.md has no heading for ${version}: say there what is new`;
}
