import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { repositoryRoot } from '../repository.js';
import { TemporaryCheckout, writeLibtorch } from './temporary-checkout.js';

describe('a step with nothing to do', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => (checkout = new TemporaryCheckout()));
  afterEach(() => checkout.remove());

  /** The output of one run of a step, after the step's name. */
  async function says(step: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const { output, errors } = await checkout.setup([step], environment);
    const lines = output.trim().split('\n');
    return errors === '' ? (lines.at(-1) ?? '').replace(/^\S+ +/, '') : errors;
  }

  describe('of the packages', () => {
    function useNpm(exit: number): void {
      checkout.writeProgram('npm', `echo "$@" >> calls; mkdir -p node_modules; exit ${exit}`);
    }
    function calls(): number {
      return readFileSync(checkout.path('calls'), 'utf8').trim().split('\n').length;
    }

    it('is skipped until the lock file changes or node_modules is gone', async () => {
      useNpm(0);
      assert.match(await says('packages'), /^installed/);
      assert.equal(await says('packages'), 'up to date');
      assert.equal(calls(), 1);
      writeFileSync(checkout.path('package-lock.json'), '{}');
      assert.match(await says('packages'), /^installed/);
      rmSync(checkout.path('node_modules'), { recursive: true });
      assert.match(await says('packages'), /^installed/);
      assert.equal(calls(), 3);
    });

    it('is not skipped after a failure', async () => {
      useNpm(1);
      assert.match(await says('packages'), /^npm ci failed/);
      useNpm(0);
      assert.match(await says('packages'), /^installed/);
    });
  });

  describe('of TypeScript', () => {
    beforeEach(() => {
      mkdirSync(checkout.path('node_modules'));
      symlinkSync(`${repositoryRoot}/node_modules/typescript`, checkout.path('node_modules', 'typescript'));
      const compilerOptions = {
        outDir: 'dist',
        rootDir: '.',
        lib: ['ES5'],
        types: [],
        module: 'NodeNext',
        incremental: true,
      };
      const settings = { compilerOptions: { ...compilerOptions, tsBuildInfoFile: 'dist/.tsbuildinfo' } };
      checkout.write('tsconfig.json', JSON.stringify({ ...settings, include: ['lib', 'test'] }));
      checkout.write('lib/one.ts', 'export const one = 1;\n');
      checkout.write('test/two.ts', "import { one } from '../lib/one.js';\nexport const two = one + 1;\n");
    });

    it('is skipped until a source changes, and an output without its source goes', async () => {
      assert.match(await says('typescript'), /^compiled 2 files/);
      assert.equal(await says('typescript'), 'up to date');
      checkout.write('lib/one.ts', 'export const one = 11;\n');
      assert.match(await says('typescript'), /^compiled 2 files/);
      assert.match(readFileSync(checkout.path('dist', 'lib', 'one.js'), 'utf8'), /one = 11/);
      rmSync(checkout.path('test', 'two.ts'));
      assert.match(await says('typescript'), /^compiled 1 files/);
      assert.equal(existsSync(checkout.path('dist', 'test', 'two.js')), false);
    });

    it('is not skipped when an output is gone', async () => {
      await says('typescript');
      rmSync(checkout.path('dist', 'lib', 'one.js'));
      assert.match(await says('typescript'), /^compiled 2 files/);
      assert.equal(existsSync(checkout.path('dist', 'lib', 'one.js')), true);
    });

    it('is not skipped after an error, which is shown', async () => {
      await says('typescript');
      checkout.write('lib/one.ts', "export const one: number = '1';\n");
      for (let run = 0; run < 2; run++)
        assert.match(await says('typescript'), /does not compile:\nlib\/one\.ts\(1,14\)/);
      checkout.write('lib/one.ts', 'export const one = 1;\n');
      assert.match(await says('typescript'), /^compiled/);
    });
  });

  describe('of the addon', () => {
    let libtorch: NodeJS.ProcessEnv;
    /** Replaces cmake-js: records its arguments, and copies the source as output. */
    const cmake = `
      const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
      appendFileSync('calls', process.argv[2] + '\\n');
      const source = readFileSync('csrc/addon.cc', 'utf8');
      if (process.argv[2] === 'build' && source.includes('error')) process.exit(1);
      mkdirSync('build/native/Release', { recursive: true });
      for (const name of ['virnucpro', 'virnucpro_loader']) writeFileSync('build/native/Release/' + name + '.node', source);
    `;
    beforeEach(() => {
      checkout.useCompiledLibrary();
      checkout.write('CMakeLists.txt', '');
      checkout.write('csrc/addon.cc', 'first');
      for (const name of ['cmake-js', 'node-addon-api', 'node-api-headers']) {
        checkout.write(`node_modules/${name}/package.json`, '{ "version": "1.0.0" }');
      }
      checkout.write('node_modules/cmake-js/bin/cmake-js', cmake);
      libtorch = { LIBTORCH: writeLibtorch(checkout.path('libtorch'), '2.11.0') };
    });
    function built(): string {
      return readFileSync(checkout.path('build', 'Release', 'virnucpro.node'), 'utf8');
    }

    it('is skipped until a source, libtorch or a header package changes, or a module is gone', async () => {
      assert.match(await says('addon', libtorch), /^built/);
      assert.equal(await says('addon', libtorch), 'up to date');
      assert.equal(readFileSync(checkout.path('calls'), 'utf8'), 'configure\nbuild\n');
      checkout.write('csrc/addon.cc', 'second');
      assert.match(await says('addon', libtorch), /^built/);
      assert.equal(built(), 'second');
      checkout.write('node_modules/node-addon-api/package.json', '{ "version": "2.0.0" }');
      assert.match(await says('addon', libtorch), /^built/);
      assert.match(await says('addon', { LIBTORCH: writeLibtorch(checkout.path('other'), '2.11.1') }), /^built/);
      rmSync(checkout.path('build', 'Release', 'virnucpro_loader.node'));
      assert.match(await says('addon', { LIBTORCH: checkout.path('other') }), /^built/);
    });

    it('is not skipped after a failure, which leaves the module that was there', async () => {
      await says('addon', libtorch);
      checkout.write('csrc/addon.cc', 'error');
      for (let run = 0; run < 2; run++) assert.match(await says('addon', libtorch), /^The addon does not compile/);
      assert.equal(built(), 'first');
    });
  });
});
