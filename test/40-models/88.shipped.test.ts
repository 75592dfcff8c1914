import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenedModel } from '../../lib/models/folder/model-folder.js';
import { randomModel } from '../../lib/models/random/random-model.js';
import { ModelRegistry, SHIPPED_DEFAULT, SHIPPED_MODELS_FOLDER } from '../../lib/models/registry.js';
import { verifyFiles } from '../../lib/models/trust/verify.js';
import { repositoryRoot } from '../repository.js';
import { fakeAddon } from './fake-addon.js';
import { fails } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

describe('models that come with the program', () => {
  const folder = temporaryFolder();
  const registry = (): ModelRegistry => new ModelRegistry(join(folder.path, 'models'), join(folder.path, 'shipped'));

  const install = (name: string, options: { models?: string; seed?: number; overwrite?: boolean } = {}) => {
    const { models = 'models', seed = 1, overwrite = false } = options;
    const target = new ModelRegistry(join(folder.path, models), join(folder.path, 'shipped'));
    const size = { protein: 'esm2_tiny', dna: 'dnabert_tiny', seed };
    return randomModel({ name, ...size, registry: target, addon: fakeAddon(), overwrite });
  };

  /** Ships a model as a package does: made elsewhere, without trust records. */
  async function ship(name: string): Promise<void> {
    const { folder: made } = await install(name, { models: 'made', seed: 7 });
    mkdirSync(join(folder.path, 'shipped'), { recursive: true });
    renameSync(made, join(folder.path, 'shipped', name));
  }

  const isShipped = ({ folder: place }: OpenedModel): boolean => place.startsWith(join(folder.path, 'shipped'));

  it('lie beside the code', () => {
    assert.equal(SHIPPED_MODELS_FOLDER, join(repositoryRoot, 'models'));
  });

  it('are listed with the installed ones, and found and trusted by their name', async () => {
    await ship('small');
    await install('a');
    assert.deepEqual(await registry().listAll(), [
      { name: 'a', shipped: false },
      { name: 'small', shipped: true },
    ]);
    assert.deepEqual(await registry().list(), ['a']);
    const model = await registry().findTrusted('small', { trust: false });
    assert.ok(model.shipped && isShipped(model));
    assert.equal((await registry().find('a')).shipped, false);
    await fails('VNP_MODEL_MISSING', /^The model b is not .*; available: a, small\. Import/, () =>
      registry().find('b'),
    );
  });

  it('are the default only where none is installed, and only the one that is meant for it', async () => {
    await ship('other');
    await fails('VNP_MODEL_MISSING', /^No model is installed in .*\. Import/, () => registry().find());
    await ship(SHIPPED_DEFAULT);
    assert.equal((await registry().find()).name, SHIPPED_DEFAULT);
    await install('a');
    assert.equal((await registry().find()).name, 'a');
    await install('b');
    await fails('VNP_MODEL_MISSING', /^Several models .*; available: a, b, other, virnucpro-mini/, () =>
      registry().find(),
    );
  });

  it('give way to an installed one of the same name, which has to be trusted like any other', async () => {
    await ship('small');
    const own = await install('small', { seed: 2 });
    assert.deepEqual(await registry().listAll(), [{ name: 'small', shipped: false }]);
    assert.deepEqual(await registry().findTrusted('small', { trust: false }), own);
    appendFileSync(join(own.folder, 'pipeline.json'), '\n');
    await fails('VNP_MODEL_UNTRUSTED', /^The model small in .*: its pipeline/, () =>
      registry().findTrusted('small', { trust: false }),
    );
    rmSync(own.folder, { recursive: true });
    assert.ok(isShipped(await registry().findTrusted('small', { trust: false })));
  });

  it('are neither removed nor overwritten', async () => {
    await ship('small');
    const shipped = await registry().find('small');
    await fails(
      'VNP_USAGE',
      /^The model small came with this program and cannot be removed\. Any installed model takes precedence over it$/,
      () => registry().remove('small'),
    );
    await install('small', { seed: 2, overwrite: true });
    await registry().remove('small');
    assert.deepEqual(await registry().find('small'), shipped);
    await verifyFiles([shipped.dna, shipped.protein, shipped.classifier]);
  });

  it('are not taken when an archive is not as their pipeline.json says', async () => {
    await ship('small');
    const { dna } = await registry().findTrusted('small', { trust: false });
    await fails('VNP_MODEL_INVALID', /dna\/model\.pt/, () => verifyFiles([{ ...dna, sha256: '0'.repeat(64) }]));
    appendFileSync(dna.path, 'x');
    await fails('VNP_MODEL_INVALID', /dna\/model\.pt/, () => registry().findTrusted('small', { trust: false }));
  });

  it('need no record of trust, and get none', async () => {
    await ship('small');
    assert.equal((await registry().trust('small')).shipped, true);
    assert.deepEqual(readdirSync(join(folder.path, 'shipped')), ['small']);
    assert.ok(!existsSync(join(folder.path, 'models')));
  });

  it('are what they are also where their folder is said to be that of the installed ones', async () => {
    await ship('small');
    const place = join(folder.path, 'shipped');
    const same = new ModelRegistry(join(place, '.'), place);
    assert.deepEqual(await same.list(), []);
    assert.equal((await same.findTrusted('small', { trust: false })).shipped, true);
  });
});
