import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryCheckout, writeLibtorch } from './temporary-checkout.js';

const loadTwice = `
const { loadAddon } = await import(process.argv[1]);
try {
  const { addon, libtorch, cuda } = loadAddon();
  console.log(JSON.stringify({ same: loadAddon().addon === addon, version: addon.versions.libtorch, libtorch, cuda }));
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }));
}`;

describe('loading the addon', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => (checkout = new TemporaryCheckout()));
  afterEach(() => checkout.remove());

  async function load(environment: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
    const module = new URL('../../lib/engine/load.js', import.meta.url).href;
    const running = checkout.start(['--input-type=module', '-e', loadTwice, module], environment);
    const { output, errors } = await running.finished;
    assert.equal(errors, '');
    return JSON.parse(output) as Record<string, unknown>;
  }
  const asSetUp = { VIRNUCPRO_CACHE: process.env['VIRNUCPRO_CACHE'], LIBTORCH: process.env['LIBTORCH'] };

  it('brings libtorch in, once, and says which', async () => {
    const loaded = await load(asSetUp);
    assert.equal(loaded['same'], true, JSON.stringify(loaded));
    assert.match(String(loaded['version']), /^2\.11\./);
  });

  it('names the command that mends it when there is no addon', async () => {
    const { code, message } = await load({ ...asSetUp, VIRNUCPRO_ADDON: checkout.root });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(
      String(message),
      /^Expected virnucpro\.node and its loader in .*\. Run `unset VIRNUCPRO_ADDON; npm run setup`$/,
    );
  });

  it('names every place that was searched when there is no libtorch', async () => {
    checkout.writeProgram('python3', 'exit 0');
    const { code, message } = await load({});
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(String(message), /python3 on PATH \(python3\): has no torch; cache \(.*\): holds no libtorch\. Run/);
  });

  it("repeats the linker's words when libtorch does not load", async () => {
    const broken = writeLibtorch(checkout.path('torch'), '2.11.0');
    const { code, message } = await load({ LIBTORCH: broken });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(String(message), /libtorch_cpu\.so: file too short\. Run `unset LIBTORCH; npm run setup`$/);
  });

  it("repeats Node's words when the addon does not load", async () => {
    mkdirSync(checkout.path('addon'));
    for (const name of ['virnucpro.node', 'virnucpro_loader.node'])
      writeFileSync(join(checkout.path('addon'), name), '');
    const { code, message } = await load({ ...asSetUp, VIRNUCPRO_ADDON: checkout.path('addon') });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(String(message), /virnucpro_loader\.node to load but Node says: .*file too short/);
  });
});
