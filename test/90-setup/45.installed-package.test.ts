import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';
import { compiledLibrary, TemporaryCheckout, writeLibtorch } from './temporary-checkout.js';

const modules = ['virnucpro.node', 'virnucpro_loader.node'];

/** Replaces CMake: records its arguments and the headers it finds; makes two modules. */
const cmake = (calls: string) => `
  echo "$*" >> "${calls}"
  for argument; do
    case "$argument" in
      -DNODE_MODULES=*) cat "\${argument#*=}"/node-addon-api/napi.h "\${argument#*=}"/node-api-headers/include/*.h \\
        >> "${calls}" || exit 1;;
    esac
  done
  while [ $# -gt 0 ]; do
    case "$1" in -B|--build) folder="$2";; esac
    shift
  done
  mkdir -p "$folder/Release"
  for name in ${modules.join(' ')}; do echo built > "$folder/Release/$name"; done`;

describe('setup of an installed package', () => {
  /** A libtorch that loads: the one that these tests run with. */
  const asSetUp = { VIRNUCPRO_CACHE: process.env['VIRNUCPRO_CACHE'], LIBTORCH: process.env['LIBTORCH'] };
  let checkout: TemporaryCheckout;
  let installed: string;
  let libtorch: string;

  /** A project as npm leaves it: the packages that virnucpro depends on lie beside it. */
  beforeEach(() => {
    checkout = new TemporaryCheckout();
    installed = checkout.path('project', 'node_modules', 'virnucpro');
    cpSync(compiledLibrary, join(installed, 'dist', 'lib'), { recursive: true });
    for (const name of ['bin', 'scripts', 'package.json'])
      cpSync(checkout.path(name), join(installed, name), { recursive: true });
    checkout.write('project/node_modules/virnucpro/CMakeLists.txt', '');
    checkout.write('project/node_modules/virnucpro/csrc/addon.cc', '');
    writeHeaders('project/node_modules', 'beside');
    checkout.writeProgram('cmake', cmake(checkout.path('calls')));
    libtorch = writeLibtorch(checkout.path('libtorch'), '2.11.0');
  });
  afterEach(() => checkout.remove());

  function writeHeaders(folder: string, text: string, packages = ['node-addon-api', 'node-api-headers']): void {
    for (const name of packages) {
      checkout.write(`${folder}/${name}/package.json`, `{ "name": "${name}", "version": "1.0.0" }`);
      const header = name === 'node-addon-api' ? 'napi.h' : 'include/node_api.h';
      checkout.write(`${folder}/${name}/${header}`, `${name} ${text}\n`);
    }
  }
  function setup(steps: string[], environment: NodeJS.ProcessEnv = {}) {
    const script = join(installed, 'scripts', 'setup.mjs');
    return checkout.start([script, ...steps], { LIBTORCH: libtorch, ...environment }).finished;
  }
  function calls(): string {
    return readFileSync(checkout.path('calls'), 'utf8');
  }
  function usePrebuilt(target: (name: string) => string): void {
    const folder = join(installed, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(folder, { recursive: true });
    for (const name of modules) symlinkSync(target(name), join(folder, name));
  }

  it('looks for tools, provides libtorch and builds the addon where lib/ looks for it', async () => {
    const { code, output, errors } = await setup([]);
    assert.equal(code, 0, errors);
    const steps = output
      .trim()
      .split('\n')
      .map((line) => line.split(/ +/, 1)[0]);
    assert.deepEqual([...new Set(steps)], ['tools', 'libtorch', 'addon']);
    assert.match(output, /\naddon +built/);
    for (const name of modules) assert.ok(existsSync(join(installed, 'build', 'Release', name)), name);
    assert.match(calls(), new RegExp(`^-S ${installed} -B .*-DLIBTORCH=${libtorch} `));
    assert.match((await setup([])).output, /\naddon +up to date\n$/);
  });

  it('shows the compiler the headers that are beside it, and those inside it before them', async () => {
    await setup(['addon']);
    assert.match(calls(), /^node-addon-api beside\nnode-api-headers beside$/m);
    writeHeaders('project/node_modules/virnucpro/node_modules', 'inside', ['node-addon-api']);
    rmSync(join(installed, 'build'), { recursive: true });
    const { code, errors } = await setup(['addon']);
    assert.equal(code, 0, errors);
    assert.match(calls(), /^node-addon-api inside\nnode-api-headers beside$/m);
  });

  it('says in one line which package is missing', async () => {
    rmSync(checkout.path('project', 'node_modules', 'node-api-headers'), { recursive: true });
    const { code, errors } = await setup(['addon']);
    assert.equal(code, 1);
    assert.match(errors, /^The package node-api-headers is missing: .*\n$/);
  });

  it('depends on the packages with the headers also where the tools of development are left out', () => {
    const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
      files: string[];
    };
    for (const name of ['node-addon-api', 'node-api-headers']) assert.ok(name in manifest.dependencies, name);
    for (const name of ['csrc', 'scripts', 'CMakeLists.txt']) assert.ok(manifest.files.includes(name), name);
  });

  for (const step of ['tools', 'addon']) {
    it(`needs a compiler and CMake, and no npm, says the step ${step}`, async () => {
      const { code, errors } = await setup([step], { PATH: checkout.path('nowhere'), CXX: '' });
      assert.equal(code, 1);
      assert.deepEqual(
        errors
          .trim()
          .split('\n')
          .map((line) => line.split(' is missing', 1)[0]),
        ['A C++17 compiler', 'cmake', 'ninja or make'],
      );
    });
  }

  it('needs neither, and builds nothing, where an addon came with the package that loads', async () => {
    usePrebuilt((name) => join(repositoryRoot, 'build', 'Release', name));
    const { code, output, errors } = await setup(['tools', 'addon'], { ...asSetUp, CXX: '/nowhere' });
    assert.equal(code, 0, errors);
    assert.match(output, /^tools +all present\naddon +up to date: as it came with the package\n$/);
    assert.equal(existsSync(checkout.path('calls')), false);
  });

  it('builds the addon where the one that came with the package does not load, and says why', async () => {
    checkout.write('empty.node', '');
    usePrebuilt(() => checkout.path('empty.node'));
    const { code, output, errors } = await setup(['addon'], asSetUp);
    assert.equal(code, 0, errors);
    assert.match(
      output,
      /^addon +the one that came with the package cannot be used here: .*\/prebuilds\/.* it is empty.*\n/,
    );
    assert.match(output, /\naddon +built/);
  });
});
