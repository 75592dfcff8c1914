// @ts-check
/**
 * How long it takes from nothing to a first result, beside other packages with native parts:
 * `node bench/install.mjs --release FOLDER [--rounds 3] [--only NAME] [--out FOLDER]`. FOLDER is what `npm run release`
 * wrote. Each package is installed into an empty project that has nothing but Node on PATH: with an empty cache of npm,
 * again by `npm ci` with that cache, then used for the first time and once more. Needs the network.
 */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadAddon } from '../dist/lib/engine/libtorch/load.js';
import { serveLocally } from '../scripts/release/local-registry.mjs';
import { run } from '../scripts/setup/child.mjs';
import { filesBelow } from '../scripts/setup/fingerprint.mjs';
import { findProgram } from '../scripts/setup/tools.mjs';
import { describeMachine } from './compare/machine.mjs';
import { others, ours } from './install/subjects.mjs';
import { withOtherLoad } from './other-load.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const { values } = parseArgs({
  options: {
    release: { type: 'string', default: 'build/release' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    out: { type: 'string' },
  },
});

/** @typedef {{ install: number, ci: number, first: number, second: number, megabytes: number }} Round seconds */

const released = readdirSync(resolve(values.release)).filter((name) => name.endsWith('.tgz'));
const tarballs = released.map((name) => join(resolve(values.release), name));
const main = tarballs.find((path) => /\/virnucpro-\d[^/]*$/.test(path)) ?? '';
const platforms = tarballs.filter((path) => path !== main);
const npm = realpathSync(findProgram('npm') ?? 'npm');
const libtorch = loadAddon().libtorch.root;

/** @param {string} tarball */
function manifestOf(tarball) {
  return JSON.parse(execFileSync('tar', ['-xOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
}

/** @param {import('./install/subjects.mjs').Subject} subject @param {string} settings @returns {Promise<Round>} */
async function measure({ name, packages, first: program, files = {} }, settings) {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-install-'));
  const project = join(folder, 'project');
  const bin = join(folder, 'bin');
  for (const path of [project, bin]) mkdirSync(path);
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  writeFileSync(join(project, '.npmrc'), settings);
  writeFileSync(join(project, 'first.mjs'), program);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(project, file), content);
  const env = { ...process.env, PATH: bin, LIBTORCH: libtorch, npm_config_cache: join(folder, 'cache') };
  /**
   * Asynchronously, since the registry answers in this process.
   * @param {string[]} words @returns {Promise<number>} seconds
   */
  const seconds = async (words) => {
    const start = performance.now();
    const { succeeded, output } = await run(process.execPath, words, { cwd: project, env });
    if (!succeeded) throw new Error(`${name}: \`${words.join(' ')}\` failed: ${output}`);
    return (performance.now() - start) / 1000;
  };
  /** @param {string[]} words @returns {Promise<number>} NaN if it fails */
  const secondsIfPossible = (words) =>
    seconds(words).catch((error) => {
      console.error(error);
      return NaN;
    });
  // Without scripts, which would need a shell on PATH, and fetch libraries for GPUs.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    const install = await seconds([npm, 'install', ...options, ...packages]);
    const ci = await secondsIfPossible([npm, 'ci', ...options]);
    // A failed one leaves nothing.
    if (Number.isNaN(ci)) await seconds([npm, 'install', ...options, '--offline']);
    const modules = filesBelow(join(project, 'node_modules'));
    const megabytes = modules.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6;
    const first = await seconds(['first.mjs']);
    return { install, ci, first, second: await seconds(['first.mjs']), megabytes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {readonly number[]} list */
const median = (list) => [...list].sort((one, two) => one - two)[Math.floor(list.length / 2)] ?? NaN;

const registry = await serveLocally(platforms.map((tarball) => ({ manifest: manifestOf(tarball), tarball })));
const subjects = [ours(main), ...others].filter(({ name }) => values.only === undefined || name === values.only);
/** @type {Record<string, { rounds: Round[], othersCores: number[] }>} */
const measured = Object.fromEntries(subjects.map(({ name }) => [name, { rounds: [], othersCores: [] }]));
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const subject of subjects) {
      const { result, othersCores } = await withOtherLoad(() => measure(subject, registry.settings));
      console.error(subject.name, JSON.stringify(result));
      measured[subject.name]?.rounds.push(result);
      measured[subject.name]?.othersCores.push(othersCores);
    }
  }
} finally {
  await registry.close();
}

const machine = describeMachine();
const sizes = tarballs.map((path) => ({ name: manifestOf(path).name, megabytes: statSync(path).size / 1e6 }));
const rows = subjects.map(({ name, use }) => {
  const { rounds = [], othersCores = [] } = measured[name] ?? {};
  /** @param {keyof Round} field */
  const middle = (field) => median(rounds.map((round) => round[field]));
  const times = [middle('install'), middle('ci'), middle('first'), middle('second')].map((time) =>
    Number.isNaN(time) ? 'fails' : `${time.toFixed(1)} s`,
  );
  return [name, ...times, `${middle('megabytes').toFixed(0)} MB`, Math.max(...othersCores).toFixed(1), use];
});
const titles = ['package', '`npm install`', '`npm ci`', 'first use', 'second use', 'node_modules', 'others', 'use'];
const markdown = `# From nothing to a first result

Each package in an empty project with nothing but Node on PATH: \`npm install\` with an empty cache of npm, \`npm ci\` with that
cache, both without scripts ("fails": npm refuses the lock file that it has just written); then the first use in a process of its
own, and the same again. Medians of ${values.rounds} rounds. "others" is how many cores other processes used at most, on average: the times are comparable
only between rows with similar numbers there. virnucpro comes from a file and the package of its platform from a registry on this
machine; all other packages come from the network.

${markdownList(machine)}

${markdownTable(titles, rows)}

The packages that \`npm run release\` wrote:

${markdownTable(
  ['package', 'size'],
  sizes.map(({ name, megabytes }) => [name, `${megabytes.toFixed(1)} MB`]),
)}
`;
if (values.out === undefined) console.log(markdown);
else await writeResults(values.out, `${today()}-install`, { machine, sizes, measured }, markdown);
