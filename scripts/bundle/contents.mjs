// @ts-check
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { SetupFailure } from '../setup/failure.mjs';
import { filesBelow } from '../setup/fingerprint.mjs';
import { inRepository } from '../setup/repository.mjs';

/** @typedef {{ name: string, source?: string, text?: string, executable?: boolean }} BundledFile name: within the bundle; one of source and text */

/** What runs from the repository unchanged: commands, the GPU check and what it reads. */
const folders = ['bin', 'models', 'examples', 'docs', 'scripts/setup', 'scripts/gpu-check', 'test/fixtures/golden'];
const files = [...['LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'scripts/gpu-check.mjs', 'bench/host/inputs.mjs']];

/**
 * @param {{ library: string, packages: import('./dependencies.mjs').BundledPackage[],
 *   binaries: import('./binaries.mjs').Binary[] }} from
 * @returns {BundledFile[]}
 */
export function bundledFiles({ library, packages, binaries }) {
  if (!existsSync(join(library, 'index.js'))) {
    throw new SetupFailure(`Expected the compiled library in ${library} but there is none. Run \`npm run setup\``);
  }
  return [
    ...binaries.map(({ name, path }) => ({ name, source: path, executable: true })),
    ...below(library, 'dist/lib').filter(({ name }) => name.endsWith('.js')),
    ...folders.flatMap((folder) => below(inRepository(folder), folder)).filter(({ name }) => !/\.m?ts$/.test(name)),
    ...files.map((name) => ({ name, source: inRepository(name) })),
    ...packages.flatMap(({ path }) => packageFiles(path)),
    { name: 'docs/manual.md', text: manual() },
    { name: 'package.json', text: packageManifest() },
  ];
}

/** @param {string} folder @param {string} name @returns {BundledFile[]} */
function below(folder, name) {
  return filesBelow(folder).map((source) => ({ name: join(name, relative(folder, source)), source }));
}

/** Files of packages for developers, none of which is loaded. */
const unused =
  /^(test|tests|example|examples|bench|benchmark|benchmarks|docs?|\.github|\.vscode|node_modules)\/|\.(map|d\.[cm]?ts|ts|md|markdown|ya?ml)$|^\.[^/]*$/;

/** @param {string} path @returns {BundledFile[]} */
function packageFiles(path) {
  const folder = inRepository(path);
  return below(folder, path).filter(({ name }) => {
    const within = relative(path, name);
    return /^(licen[cs]e|copying|notice|readme)/i.test(within) || !unused.test(within);
  });
}

/** The project's README.md, with its links adapted to lying one folder deeper here. */
function manual() {
  return readFileSync(inRepository('README.md'), 'utf8')
    .replaceAll('](docs/', '](')
    .replaceAll('](CHANGELOG.md)', '](../CHANGELOG.md)')
    .replaceAll('](SECURITY.md)', '](../SECURITY.md)')
    .replaceAll('](LICENSE)', '](../LICENSE)');
}

/** package.json without what only npm reads: there is nothing to install or build. */
function packageManifest() {
  const { name, version, description, license, type, engines, exports, imports, bin, dependencies } = JSON.parse(
    readFileSync(inRepository('package.json'), 'utf8'),
  );
  // A bundle has no types.
  for (const [entry, target] of Object.entries(exports)) exports[entry] = target.default ?? target;
  const kept = {
    name,
    version,
    description,
    license,
    private: true,
    type,
    engines,
    imports,
    bin,
    exports,
    dependencies,
  };
  return `${JSON.stringify(kept, null, 2)}\n`;
}

/** @param {string} folder @param {BundledFile[]} bundled */
export function stageFiles(folder, bundled) {
  for (const { name, source, text, executable = false } of bundled) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (source === undefined) writeFileSync(path, text ?? '');
    else copyFileSync(source, path);
    chmodSync(path, executable ? 0o755 : 0o644);
  }
}
