import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { platformPackage } from '../../lib/engine/libtorch/addon-folder.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { packageVersion } from '../../lib/package.js';
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
  const withLibtorch = { LIBTORCH: loadAddon().libtorch.root };
  let checkout: TemporaryCheckout;
  let installed: string;
  let libtorch: string;

  /** A project as npm leaves it: the packages that virnucpro depends on lie beside it. */
  /** As the release packs it, in a project. */
  beforeEach(() => {
    checkout = new TemporaryCheckout();
    installed = checkout.path('project', 'node_modules', 'virnucpro');
    cpSync(compiledLibrary, join(installed, 'dist', 'lib'), { recursive: true });
    for (const name of ['bin', 'scripts', 'package.json'])
      cpSync(checkout.path(name), join(installed, name), { recursive: true });
    checkout.write('project/node_modules/virnucpro/csrc/addon.cc', '');
    checkout.write('project/node_modules/virnucpro/headers/node-addon-api/napi.h', 'the classes\n');
    checkout.write('project/node_modules/virnucpro/headers/node-api-headers/include/node_api.h', 'the functions\n');
    checkout.writeProgram('cmake', cmake(checkout.path('calls')));
    libtorch = writeLibtorch(checkout.path('libtorch'), '2.11.0');
  });
  afterEach(() => checkout.remove());

  function setup(steps: string[], environment: NodeJS.ProcessEnv = {}) {
    const script = join(installed, 'scripts', 'setup.mjs');
    return checkout.start([script, ...steps], { LIBTORCH: libtorch, ...environment }).finished;
  }
  function calls(): string {
    return readFileSync(checkout.path('calls'), 'utf8');
  }
  /** Puts these modules where npm puts the package of this platform. */
  function usePrebuilt(target: (name: string) => string, version = packageVersion): void {
    const folder = checkout.path('project', 'node_modules', ...platformPackage.split('/'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: platformPackage, version }));
    for (const name of modules) symlinkSync(target(name), join(folder, name));
  }
  /** Files and folders of the cache, by the beginnings of their names. */
  function cached(): string[] {
    return existsSync(checkout.cache) ? readdirSync(checkout.cache).filter((name) => name.startsWith('addon-')) : [];
  }
  function filesOf(folder: string): string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  }
  const builtHere = (name: string): string => join(dirname(loadAddon().path), name);

  it('looks for tools, provides libtorch and builds the addon into the cache, where nothing else is left', async () => {
    const before = filesOf(installed);
    const { code, output, errors } = await setup([]);
    assert.equal(code, 0, errors);
    const steps = output
      .trim()
      .split('\n')
      .map((line) => line.split(/ +/, 1)[0]);
    assert.deepEqual([...new Set(steps)], ['tools', 'libtorch', 'addon']);
    assert.match(output, /\naddon +built/);
    const [folder = '', ...others] = cached().filter((name) => !name.endsWith('.lock'));
    assert.deepEqual(others, []);
    assert.deepEqual(filesOf(join(checkout.cache, folder)), [...modules].sort());
    assert.match(calls(), new RegExp(`^-S ${installed}/csrc -B ${checkout.cache}/.*-DLIBTORCH=${libtorch} `));
    assert.match(calls(), /^the classes\nthe functions$/m);
    assert.deepEqual(filesOf(installed), before);
  });

  it('builds again where the sources are others, and removes what a killed build left', async () => {
    assert.equal((await setup(['addon'])).code, 0);
    const [folder = ''] = cached();
    const left = `${folder}.partial-0.0.nowhere`;
    checkout.write(`cache/${left}/objects/addon.o`, '');
    const again = await setup(['addon']);
    assert.match(again.output, /\naddon +built/, again.errors);
    assert.equal(existsSync(checkout.path('cache', left)), false);
    checkout.write('project/node_modules/virnucpro/csrc/addon.cc', 'changed');
    assert.equal((await setup(['addon'])).code, 0);
    assert.equal(cached().filter((name) => !name.endsWith('.lock')).length, 2);
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

  it('needs neither, and builds nothing, where the package of the platform is installed and loads', async () => {
    usePrebuilt(builtHere);
    const { code, output, errors } = await setup(['tools', 'addon'], { ...withLibtorch, CXX: '/nowhere' });
    assert.equal(code, 0, errors);
    assert.match(output, /^tools +all present\naddon +up to date: \S+\/node_modules\/@virnucpro\/\S+-gnu\n$/);
    assert.equal(existsSync(checkout.path('calls')), false);
  });

  it('uses no package of the platform of another version', async () => {
    usePrebuilt(builtHere, '0.0.1');
    const { code, message } = await loadInstalled(withLibtorch);
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(message, /-gnu \S+ \(version 0\.0\.1 is installed\)\. Run `/);
  });

  it('uses a build in the cache, also after it was installed again', async () => {
    const { path, message } = await loadInstalled(withLibtorch);
    const [, folder = ''] =
      /(\/\S+\/addon-\S+) or @virnucpro\/\S+-gnu \S+ \(not installed\)\. Run/.exec(message) ??
      assert.fail(`${path}${message}`);
    mkdirSync(folder, { recursive: true });
    for (const name of modules) symlinkSync(builtHere(name), join(folder, name));
    assert.equal((await loadInstalled(withLibtorch)).path, join(folder, 'virnucpro.node'));
  });

  it('builds the addon where the one that came with the package does not load, and says why', async () => {
    checkout.write('empty.node', '');
    usePrebuilt(() => checkout.path('empty.node'));
    const { code, output, errors } = await setup(['addon'], withLibtorch);
    assert.equal(code, 0, errors);
    assert.match(
      output,
      /^addon +the one that came with the package cannot be used here: .*\/@virnucpro\/.* it is empty.*\n/,
    );
    assert.match(output, /\naddon +built/);
  });

  /** What loading the installed package's addon in a process of its own gives. */
  async function loadInstalled(environment: NodeJS.ProcessEnv) {
    const module = join(installed, 'dist', 'lib', 'engine', 'libtorch', 'load.js');
    const program = `import(${JSON.stringify(module)}).then(({ loadAddon }) => loadAddon())
      .then(({ path }) => console.log(JSON.stringify({ path, message: '' })))
      .catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`;
    const { output, errors } = await checkout.start(['-e', program], environment).finished;
    assert.equal(errors, '');
    return JSON.parse(output) as { path?: string; code?: string; message: string };
  }
});
