import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomModel } from '../../lib/models/random/random-model.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { TRUST_FOLDER, TrustRecords } from '../../lib/models/trust/trust-records.js';
import { failingAddon, fakeAddon, type ArchiveWriter } from './fake-addon.js';
import { fails } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

const WITHOUT_TRUST = { trust: false };
const installer = fileURLToPath(new URL('installing-process.js', import.meta.url));

describe('a model that is to be loaded', () => {
  const folder = temporaryFolder();
  const at = (models: string): ModelRegistry => new ModelRegistry(join(folder.path, models));
  const install = (name: string, options: { overwrite?: boolean; seed?: number; addon?: ArchiveWriter } = {}) => {
    const { overwrite = false, seed = 1, addon = fakeAddon() } = options;
    return randomModel({
      name,
      protein: 'esm2_tiny',
      dna: 'dnabert_tiny',
      seed,
      registry: at('models'),
      addon,
      overwrite,
    });
  };
  const records = (): string[] => readdirSync(join(folder.path, 'models', TRUST_FOLDER));
  const refused = (registry: ModelRegistry, name: string, words: RegExp): Promise<void> =>
    fails('VNP_MODEL_UNTRUSTED', words, () => registry.findTrusted(name, WITHOUT_TRUST));

  it('is trusted when it was made here', async () => {
    const model = await install('a');
    assert.deepEqual(await at('models').findTrusted('a', WITHOUT_TRUST), model);
    assert.deepEqual(records(), [`a.${model.pipelineSha256}`]);
  });

  it('is refused when its folder was copied from elsewhere, and opened when somebody says so', async () => {
    await install('a');
    mkdirSync(join(folder.path, 'others'));
    cpSync(join(folder.path, 'models', 'a'), join(folder.path, 'others', 'a'), { recursive: true });
    const others = at('others');
    await refused(
      others,
      'a',
      /^The model a in .*: it came from elsewhere\. .*"virnucpro models trust a".*`trust: true`/,
    );
    assert.equal((await others.findTrusted('a', { trust: true })).name, 'a');
    await refused(others, 'a', /: it came from elsewhere/);
    assert.equal(await others.isTrusted(await others.trust('a')), true);
    assert.equal((await others.findTrusted('a', WITHOUT_TRUST)).name, 'a');
  });

  it('is refused when its pipeline.json was changed, until that is trusted', async () => {
    const { folder: place } = await install('a');
    appendFileSync(join(place, 'pipeline.json'), '\n');
    await refused(at('models'), 'a', /^The model a in .*: its pipeline\.json has since been changed or replaced/);
    await at('models').trust('a');
    await at('models').findTrusted('a', WITHOUT_TRUST);
  });

  it('is refused under another name, so that one model cannot be put in the place of another', async () => {
    await install('a', { seed: 1 });
    await install('b', { seed: 2 });
    const path = (name: string): string => join(folder.path, 'models', name);
    renameSync(path('a'), path('c'));
    renameSync(path('b'), path('a'));
    await refused(at('models'), 'a', /changed or replaced/);
    await refused(at('models'), 'c', /came from elsewhere/);
  });

  it('is not recorded when its archives are not as its pipeline.json says', async () => {
    const { protein } = await install('a');
    mkdirSync(join(folder.path, 'others'));
    cpSync(join(folder.path, 'models', 'a'), join(folder.path, 'others', 'a'), { recursive: true });
    const copy = protein.path.replace('/models/', '/others/');
    const bytes = readFileSync(copy);
    bytes[bytes.indexOf('compressed')]! ^= 1;
    writeFileSync(copy, bytes);
    await fails('VNP_MODEL_INVALID', /^The SHA-256 of .*others\/a\/protein\/model\.pt/, () => at('others').trust('a'));
    await refused(at('others'), 'a', /./);
  });

  it('is trusted by a record whose words and name are right, and by no other', async () => {
    const { pipelineSha256 } = await install('a');
    const path = join(folder.path, 'models', TRUST_FOLDER, `a.${pipelineSha256}`);
    const right = readFileSync(path, 'utf8');
    assert.equal(right, `${pipelineSha256}  a/pipeline.json\n`);
    const trusted = new TrustRecords(join(folder.path, 'models'));
    const [first = ''] = right;
    for (const wrong of [
      '',
      right.slice(0, -1),
      right.replace(' a/', ' b/'),
      right.replace(first, 'g'),
      `${right}\n`,
    ]) {
      writeFileSync(path, wrong);
      assert.equal(await trusted.has('a', pipelineSha256), false, JSON.stringify(wrong));
    }
    await trusted.add('a', pipelineSha256);
    assert.equal(await trusted.has('a', pipelineSha256), true);
    // The record of another model, renamed to this one's.
    await trusted.add('b', pipelineSha256);
    renameSync(join(folder.path, 'models', TRUST_FOLDER, `b.${pipelineSha256}`), path);
    assert.equal(await trusted.has('a', pipelineSha256), false);
  });

  it('loses its record when it is removed or replaced, and other models keep theirs', async () => {
    const first = await install('a', { seed: 1 });
    const other = await install('a.b', { seed: 1 });
    const second = await install('a', { seed: 2, overwrite: true });
    assert.deepEqual(records().sort(), [`a.${second.pipelineSha256}`, `a.b.${other.pipelineSha256}`].sort());
    assert.notEqual(first.pipelineSha256, second.pipelineSha256);
    await at('models').remove('a');
    assert.deepEqual(records(), [`a.b.${other.pipelineSha256}`]);
    // The same model again, once by itself and once in place of itself.
    await install('a.b', { seed: 1, overwrite: true });
    assert.deepEqual(records(), [`a.b.${other.pipelineSha256}`]);
  });

  it('keeps its record when another fails to replace it', async () => {
    const { pipelineSha256 } = await install('a', { seed: 1 });
    await assert.rejects(install('a', { seed: 2, overwrite: true, addon: failingAddon(2) }), /no space left/);
    assert.deepEqual(records(), [`a.${pipelineSha256}`]);
    await at('models').findTrusted('a', WITHOUT_TRUST);
  });

  it('is said not to be recorded where that cannot be', async () => {
    await install('a');
    rmSync(join(folder.path, 'models', TRUST_FOLDER), { recursive: true });
    writeFileSync(join(folder.path, 'models', TRUST_FOLDER), 'a file');
    await fails('VNP_OUTPUT', /Cannot record a model as trusted in .*; `trust: true` opens it this once/, () =>
      at('models').trust('a'),
    );
  });

  it('is not installed where it cannot be recorded', async () => {
    mkdirSync(join(folder.path, 'models'));
    writeFileSync(join(folder.path, 'models', TRUST_FOLDER), 'a file');
    await fails('VNP_OUTPUT', /^Cannot write a model/, () => install('a'));
    assert.deepEqual(readdirSync(join(folder.path, 'models')), [TRUST_FOLDER]);
    rmSync(join(folder.path, 'models', TRUST_FOLDER));
    await install('a');
  });

  it('is recorded whatever the number of processes that install at the same time', async () => {
    const processes = Array.from({ length: 4 }, (_, index) =>
      spawn(process.execPath, [installer, join(folder.path, 'models'), `p${index}`, '5'], { stdio: 'inherit' }),
    );
    const ends = await Promise.all(processes.map((child) => once(child, 'close')));
    assert.deepEqual(ends.flat(), [0, null, 0, null, 0, null, 0, null]);
    const names = await at('models').list();
    assert.equal(names.length, 4 * 5 + 1);
    for (const name of names) await at('models').findTrusted(name, WITHOUT_TRUST);
    // All of them replaced the model `shared` in turn; only the last one has a record.
    assert.equal(records().filter((record) => record.startsWith('shared.')).length, 1);
  });
});
