// @ts-check
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { filesBelow } from '../setup/fingerprint.mjs';
import { headerPackages, packageFolder } from '../setup/header-packages.mjs';
import { inRepository } from '../setup/repository.mjs';
import { packageOf, platforms } from './platforms.mjs';

/** @typedef {Record<string, unknown>} Manifest */

/** What a user's machine needs: to run, to build the addon, to read. */
const folders = ['bin', 'csrc', 'scripts/setup', 'models', 'examples', 'docs'];
const files = ['scripts/setup.mjs', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'];

/** Within these folders, what only developers use. */
const unused = /^csrc\/(fuzz\/|\.clang)|^docs\/contributing\//;

/** Fields of package.json that concern users. All others are left out: scripts, tools of development, what they need. */
const fields = [
  ...['name', 'version', 'description', 'keywords', 'license', 'type', 'engines', 'os', 'bin', 'exports', 'imports'],
  ...['types', 'dependencies', 'peerDependencies', 'peerDependenciesMeta'],
];

/**
 * Writes the main package into a folder.
 * @param {string} folder
 * @param {{ platforms: readonly string[], trial: boolean }} options platforms: those that have packages
 */
export function stageMain(folder, { platforms: supported, trial }) {
  for (const name of folders) copyBelow(inRepository(name), folder, name);
  for (const name of files) copy(inRepository(name), join(folder, name));
  for (const name of headerPackages) stageHeaders(packageFolder(name), join(folder, 'headers', name));
  stageLibrary(inRepository('dist', 'lib'), join(folder, 'dist', 'lib'));
  const project = readProject();
  const kept = Object.fromEntries(fields.filter((name) => name in project).map((name) => [name, project[name]]));
  // The two packages share an interface that is not stable: exactly the same version.
  const optionalDependencies = Object.fromEntries(supported.map((name) => [packageOf(name), project['version']]));
  writeManifest(folder, { ...kept, optionalDependencies, ...(trial && { private: true }) });
}

/** Source maps lead to sources that are not in the package. @param {string} from @param {string} to */
function stageLibrary(from, to) {
  for (const file of filesBelow(from)) {
    if (!/\.(js|d\.ts)$/.test(file)) continue;
    const text = readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
    write(join(to, relative(from, file)), text);
  }
}

/** @param {string} from @param {string} to */
function stageHeaders(from, to) {
  for (const file of filesBelow(from).filter((path) => /\.h$|\/LICENSE[^/]*$/.test(path)))
    copy(file, join(to, relative(from, file)));
}

/**
 * Writes a platform's package, with modules that were stripped.
 * @param {string} folder
 * @param {{ platform: string, modules: readonly string[], needs: string, trial: boolean }} options modules: paths;
 *   needs: what they need of a system
 */
export function stagePlatform(folder, { platform, modules, needs, trial }) {
  const { os, cpu, libc } = platforms[platform] ?? {};
  const { version, license, engines } = readProject();
  for (const path of modules) copy(path, join(folder, path.slice(path.lastIndexOf('/') + 1)));
  copy(inRepository('LICENSE'), join(folder, 'LICENSE'));
  const name = packageOf(platform);
  const description = `The compiled part of virnucpro for ${platform}`;
  write(
    join(folder, 'README.md'),
    `# ${name}\n\n${description}. It is installed together with virnucpro, where it fits.\n\nIt needs ${needs}.\n`,
  );
  const only = { os: [os], cpu: [cpu], libc: [libc] };
  const manifest = { name, version, description, license, type: 'commonjs', engines, ...only, preferUnplugged: true };
  writeManifest(folder, { ...manifest, ...(trial && { private: true }) });
}

/** @returns {Manifest} */
function readProject() {
  return JSON.parse(readFileSync(inRepository('package.json'), 'utf8'));
}

/** @param {string} folder @param {Manifest} manifest */
function writeManifest(folder, manifest) {
  write(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** @param {string} from @param {string} folder @param {string} name */
function copyBelow(from, folder, name) {
  for (const file of filesBelow(from)) {
    const within = join(name, relative(from, file));
    if (!unused.test(within)) copy(file, join(folder, within));
  }
}

/** @param {string} from @param {string} to */
function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** @param {string} path @param {string} text */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) writeFileSync(path, text);
}
