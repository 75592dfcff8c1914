// @ts-check
/**
 * Makes one archive that runs beside a Python torch, without a network, npm or a compiler: `npm run bundle`. Machines
 * without a network install the program from it, see docs/clusters.md. Run `npm run setup` first.
 *
 *     node scripts/bundle.mjs [--output FILE] [--preset 0..9] [--library FOLDER] [--addon FOLDER] [--node-license FILE]
 *                             [--portable]
 *
 * --preset is xz's, 6 by default; --portable fails if the addon needs a newer system than libtorch itself does.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { packArchive } from './bundle/archive.mjs';
import { checkForeign, prepareBinaries } from './bundle/binaries.mjs';
import { bundledFiles, stageFiles } from './bundle/contents.mjs';
import { productionPackages } from './bundle/dependencies.mjs';
import { findNodeLicense, noticeOf } from './bundle/licenses.mjs';
import { manifestOf, project, sourceOf } from './bundle/manifest.mjs';
import { portabilityOf } from './bundle/portability.mjs';
import { bundleReadme, launcher } from './bundle/texts.mjs';
import { SetupFailure } from './setup/failure.mjs';
import { inRepository } from './setup/repository.mjs';

/** Small enough to be carried by hand. A bundle that outgrows it contains something that it should not. */
export const MAX_BYTES = 60 * 2 ** 20;

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        output: { type: 'string' },
        preset: { type: 'string', default: '6' },
        library: { type: 'string', default: inRepository('dist', 'lib') },
        addon: { type: 'string', default: process.env['VIRNUCPRO_ADDON'] || inRepository('build', 'Release') },
        'node-license': { type: 'string' },
        portable: { type: 'boolean', default: false },
      },
    });
    if (/^\d$/.test(values.preset)) return values;
  } catch {
    // Reported below, in one line for every kind of mistake.
  }
  const words = process.argv.slice(2).join(' ');
  throw new SetupFailure(
    `Expected --output FILE, --preset 0..9, --library, --addon and --node-license with a path, or --portable but received \`${words}\``,
  );
}

/** The libtorch that setup fetches. @param {string} library */
async function libtorchVersion(library) {
  /** @type {typeof import('../dist/lib/setup/wheel-table.js')} */
  const { torch } = await import(pathToFileURL(join(library, 'setup', 'wheel-table.js')).href);
  return torch.version;
}

/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

async function bundle() {
  const options = readArguments();
  if (process.platform !== 'linux')
    throw new SetupFailure(`Expected Linux for a bundle but this is ${process.platform}`);
  const name = `${project.name}-${project.version}-${process.platform}-${process.arch}`;
  const output = resolve(options.output ?? inRepository('build', `${name}.tar.xz`));
  const work = mkdtempSync(join(tmpdir(), 'virnucpro-bundle-'));
  try {
    const binaries = await prepareBinaries(resolve(options.addon), join(work, 'binaries'));
    const portability = portabilityOf(binaries);
    if (options.portable && portability.advice) throw new SetupFailure(portability.advice);
    const packages = productionPackages();
    const source = await sourceOf();
    const staged = join(work, name);
    const library = resolve(options.library);
    const contents = bundledFiles({ library, packages, binaries });
    const libtorch = await libtorchVersion(library);
    stageFiles(staged, [
      ...contents,
      { name: 'licenses/node.txt', source: findNodeLicense(options['node-license']) },
      ...packages.flatMap(({ name: title }) => {
        const notice = noticeOf(title);
        return notice === undefined ? [] : [{ name: `licenses/${title}.txt`, source: notice }];
      }),
      { name: 'virnucpro', text: launcher('bin/virnucpro.js'), executable: true },
      { name: 'gpu-check', text: launcher('scripts/gpu-check.mjs'), executable: true },
      { name: 'README.md', text: bundleReadme({ name, project, libtorch, source, portability, packages }) },
    ]);
    checkForeign(staged);
    stageFiles(staged, [manifestOf(staged, { libtorch, source, binaries, portability, packages })]);
    mkdirSync(dirname(output), { recursive: true });
    await packArchive(staged, output, { preset: options.preset, seconds: source.seconds });
    const { size } = statSync(output);
    for (const { name: file, original, bytes } of binaries) {
      console.log(`${file}: ${megabytes(bytes)}, ${megabytes(original)} before stripping`);
    }
    if (portability.advice) console.log(portability.advice);
    console.log(`${relative(process.cwd(), output) || output}: ${megabytes(size)}, runs on ${portability.text}`);
    if (size > MAX_BYTES) {
      throw new SetupFailure(
        `Expected at most ${megabytes(MAX_BYTES)} but the bundle has ${megabytes(size)}: use a higher --preset`,
      );
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  await bundle();
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
