import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { TemporaryCheckout } from './temporary-checkout.js';

describe('the arguments of setup', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => (checkout = new TemporaryCheckout()));
  afterEach(() => checkout.remove());

  const mistakes = ['--bad', '-x', '--cuda=yes', '--cuda 11', '12 tools', 'tools nonsense', 'toString'];
  for (const mistake of mistakes) {
    it(`are refused in one line, before anything is done: ${mistake}`, async () => {
      const { code, output, errors } = await checkout.setup(mistake.split(' '));
      const steps = 'tools, packages, typescript, libtorch, addon';
      assert.deepEqual(
        { code, output, errors },
        {
          code: 1,
          output: '',
          errors: `Expected --cuda (12 or 13 may follow), --no-cuda, --index, --find-links or steps (${steps}) but received \`${mistake}\`\n`,
        },
      );
      assert.equal(existsSync(checkout.path('build')), false);
    });
  }

  it('may name a cache that cannot be written to, which is said in one line', async () => {
    checkout.useCompiledLibrary();
    checkout.writeProgram('python3', 'exit 0');
    checkout.write('file', '');
    const { code, errors } = await checkout.setup(['libtorch'], { VIRNUCPRO_CACHE: checkout.path('file', 'cache') });
    assert.equal(code, 1);
    assert.match(errors, /^E[A-Z]+: .*, (mkdir|stat) '.*\/file\/cache.*'\n$/);
  });
});
