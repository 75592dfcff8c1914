import assert from 'node:assert/strict';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TemporaryCheckout } from './temporary-checkout.js';

/** The path of the real program, for a PATH with only what a test puts there. */
function locate(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  assert.ok(found, `the tests need ${name}`);
  return found;
}

describe('what setup needs', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => {
    checkout = new TemporaryCheckout();
    for (const name of ['npm', 'cmake', 'make']) checkout.writeProgram(name, 'exit 0');
    for (const name of ['sh', 'dirname']) symlinkSync(locate(name), join(checkout.bin, name));
    checkout.writeProgram('c++', 'exit 0');
  });
  afterEach(() => checkout.remove());

  async function missing(without: string[], environment: NodeJS.ProcessEnv = {}): Promise<string[]> {
    for (const name of without) rmSync(join(checkout.bin, name));
    const { code, errors } = await checkout.setup(['tools'], { PATH: checkout.bin, CXX: '', ...environment });
    assert.equal(code, errors === '' ? 0 : 1, errors);
    return errors.split('\n').filter((line) => line !== '');
  }

  it('is all there', async () => {
    assert.deepEqual(await missing([]), []);
  });

  const tools = {
    npm: /^npm is missing: .*`apt-get install npm`$/,
    'c++': /^A C\+\+17 compiler is missing: `apt-get install g\+\+`$/,
    cmake: /^cmake is missing: `apt-get install cmake`$/,
    make: /^ninja or make is missing: `apt-get install ninja-build`$/,
  };
  for (const [name, message] of Object.entries(tools)) {
    it(`is said in one line with the command that mends it: ${name}`, async () => {
      const lines = await missing([name]);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', message);
    });
  }

  it('is a system with glibc', async () => {
    checkout.write('musl.cjs', 'process.report.getReport = () => ({ header: {} });');
    const lines = await missing([], { NODE_OPTIONS: `-r ${checkout.path('musl.cjs')}` });
    assert.deepEqual([lines.length, lines[0]?.startsWith('Expected a system with glibc for libtorch')], [1, true]);
  });

  it('is said all at once', async () => {
    assert.equal((await missing(Object.keys(tools))).length, 4);
  });

  it('includes a compiler that knows C++17, of which $CXX names another', async () => {
    checkout.writeProgram('old-compiler', 'exit 1');
    const lines = await missing([], { CXX: join(checkout.bin, 'old-compiler') });
    assert.match(lines.join('\n'), /old-compiler does not compile C\+\+17/);
  });

  it('accepts the real compiler', async () => {
    assert.deepEqual(await missing([], { PATH: process.env['PATH'] ?? '' }), []);
  });
});
