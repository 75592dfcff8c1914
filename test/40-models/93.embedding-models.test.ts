import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveRequest } from '../../lib/engine/addon.js';
import { openAnyModel, openModel, partNames } from '../../lib/models/folder/model-folder.js';
import { importModel, type EmbeddingImportRequest } from '../../lib/models/import/import-model.js';
import { describeModel } from '../../lib/models/library.js';
import { randomModel, type EmbeddingRandomRequest } from '../../lib/models/random/random-model.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { verifyFiles } from '../../lib/models/trust/verify.js';
import { fixture } from '../repository.js';
import { fakeAddon } from './fake-addon.js';
import { fails } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

const ESM2 = fixture('golden', 'esm2', 'esm2_t3_tiny.pt');
const DNABERT = fixture('golden', 'dnabert');

describe('a model that makes embeddings only', () => {
  const folder = temporaryFolder();
  const registry = (models = 'models'): ModelRegistry =>
    new ModelRegistry(join(folder.path, models), join(folder.path, 'shipped'));

  const imported = (changes: Partial<EmbeddingImportRequest> = {}, requests: ArchiveRequest[] = []) =>
    importModel({ name: 'esm2', registry: registry(), addon: fakeAddon(requests), ...changes });
  const random = (name: string, parts: Partial<EmbeddingRandomRequest>) =>
    randomModel({ name, classifier: false, registry: registry(), addon: fakeAddon(), ...parts });
  const full = (name: string, models = 'models') =>
    randomModel({
      ...{ name, protein: 'esm2_tiny', dna: 'dnabert_tiny' },
      ...{ registry: registry(models), addon: fakeAddon() },
    });

  it('is imported from the checkpoint of either language model, or of both', async () => {
    const requests: ArchiveRequest[] = [];
    const esm2 = await imported({ protein: ESM2 }, requests);
    assert.deepEqual(
      requests.map(({ architecture }) => architecture.family),
      ['esm2'],
    );
    assert.deepEqual(partNames(esm2), ['protein']);
    assert.equal(esm2.tokenizer, undefined);
    assert.equal(esm2.protein!.source.name, 'esm2_t3_tiny.pt');
    assert.deepEqual(readdirSync(esm2.folder), ['pipeline.json', 'protein']);
    const dnabert = await imported({ name: 'dnabert', dna: DNABERT });
    assert.deepEqual(partNames(dnabert), ['dna']);
    assert.equal(dnabert.tokenizer!.tokens.length, 512);
    const both = await imported({ name: 'both', dna: DNABERT, protein: ESM2 });
    assert.deepEqual(partNames(both), ['dna', 'protein']);
    assert.equal(both.classifier, undefined);
  });

  it('has random weights of published sizes', async () => {
    const esm2 = await random('p', { protein: 'esm2_t6_8M_UR50D' });
    assert.equal(esm2.protein!.architecture.width, 320);
    assert.equal(esm2.random, true);
    assert.deepEqual(partNames(await random('d', { dna: 'dnabert_tiny', dtype: 'bfloat16' })), ['dna']);
    assert.deepEqual(partNames(await random('b', { dna: 'dnabert_tiny', protein: 'esm2_tiny' })), ['dna', 'protein']);
  });

  it('needs at least one language model, and nothing of a classifier', async () => {
    await fails('VNP_USAGE', /^Expected at least one language model for an import/, () => imported());
    await fails('VNP_USAGE', /^Expected a size of ESM-2, of DNABERT or of both/, () => random('r', {}));
    const withoutCompiler = (given: object) => () => imported(given);
    const noClassifier = /^Expected a classifier for a model with a (chunk size|calibration)/;
    await fails('VNP_USAGE', noClassifier, withoutCompiler({ protein: ESM2, chunkSize: 500 }));
    await fails('VNP_USAGE', noClassifier, withoutCompiler({ protein: ESM2, calibration: 'c.json' }));
    const oneOnly = { protein: ESM2, chunkSize: 500, classifier: fixture('golden', 'classifier.pth') };
    await fails('VNP_USAGE', /^Expected both language models for a model with a classifier/, withoutCompiler(oneOnly));
    await fails('VNP_USAGE', /^Expected no chunk size/, () =>
      random('r', { dna: 'dnabert_tiny', chunkSize: 9 } as object),
    );
    assert.deepEqual(await registry().list(), []);
  });

  it('makes no predictions', async () => {
    const { folder: place } = await random('p', { protein: 'esm2_tiny' });
    const words = /^The model p has no classifier: it makes embeddings, but no predictions\. .*embed/;
    await fails('VNP_MODEL_INVALID', words, () => registry().find('p'));
    await fails('VNP_MODEL_INVALID', words, () => registry().findTrusted('p', { trust: true }));
    await fails('VNP_MODEL_INVALID', words, () => openModel(place));
  });

  it('is never what predictions take without a name', async () => {
    await random('p', { protein: 'esm2_tiny' });
    await random('d', { dna: 'dnabert_tiny' });
    await fails('VNP_MODEL_MISSING', /^No model with the parts dna, protein, classifier/, () => registry().find());
    await full('virnucpro-mini', 'shipped');
    assert.equal((await registry().find()).name, 'virnucpro-mini');
    await full('m');
    assert.equal((await registry().find()).name, 'm');
    await full('n');
    await fails('VNP_MODEL_MISSING', /^Several models are installed/, () => registry().find());
  });

  it('is what embeddings take without a name, if it alone has the part', async () => {
    await random('p', { protein: 'esm2_tiny' });
    await random('d', { dna: 'dnabert_tiny' });
    assert.equal((await registry().findAny(undefined, ['protein'])).name, 'p');
    assert.equal((await registry().findAny(undefined, ['dna'])).name, 'd');
    await full('m');
    await fails('VNP_MODEL_MISSING', /^Several models/, () => registry().findAny(undefined, ['dna']));
  });

  it('is trusted, verified and removed like any other', async () => {
    await random('p', { protein: 'esm2_tiny' });
    assert.equal((await registry().findAnyTrusted('p', { trust: false })).name, 'p');
    mkdirSync(join(folder.path, 'others'));
    cpSync(join(folder.path, 'models', 'p'), join(folder.path, 'others', 'p'), { recursive: true });
    const others = registry('others');
    await fails('VNP_MODEL_UNTRUSTED', /it came from elsewhere/, () => others.findAnyTrusted('p', { trust: false }));
    const { protein } = await others.trust('p');
    assert.equal((await others.findAnyTrusted('p', { trust: false })).name, 'p');
    const bytes = readFileSync(protein!.path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(protein!.path, bytes);
    await fails('VNP_MODEL_INVALID', /SHA-256/, () => verifyFiles([protein!], { again: true }));
    await fails('VNP_MODEL_INVALID', /./, () => others.trust('p'));
    await others.remove('p');
    assert.deepEqual(await others.list(), []);
  });

  it('is described without what it lacks', async () => {
    const described = await describeModel(await random('p', { protein: 'esm2_tiny' }), true);
    assert.deepEqual(
      described.parts.map(({ part }) => part),
      ['protein'],
    );
    assert.equal('chunkSize' in described || 'tokens' in described || 'temperature' in described, false);
    assert.deepEqual(described.triage, []);
  });

  const damages: [string, RegExp, object | undefined, object][] = [
    ['no part', /lists no part of a model/, undefined, {}],
    ['a chunk size without a classifier', /dna of .* must be a JSON object but is missing/, {}, { chunkSize: 500 }],
    ['a temperature without a chunk size', /chunkSize of .* is missing/, {}, { temperature: 1.5 }],
    ['a part of the wrong kind', /protein of .* must be a JSON object/, [], {}],
  ];
  for (const [what, words, protein, others] of damages) {
    it(`is refused with ${what}`, async () => {
      const { folder: place } = await random('p', { protein: 'esm2_tiny' });
      const path = join(place, 'pipeline.json');
      const pipeline = JSON.parse(readFileSync(path, 'utf8')) as { protein: object };
      const changed = protein === undefined ? undefined : Array.isArray(protein) ? protein : pipeline.protein;
      writeFileSync(path, JSON.stringify({ ...pipeline, protein: changed, ...others }));
      await fails('VNP_MODEL_INVALID', words, () => openAnyModel(place));
    });
  }

  it('is what a full model becomes only if everything about predictions is removed', async () => {
    const { folder: place } = await full('m');
    const path = join(place, 'pipeline.json');
    const pipeline = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const without = (...names: string[]): string =>
      JSON.stringify(Object.fromEntries(Object.entries(pipeline).filter(([name]) => !names.includes(name))));
    for (const name of ['dna', 'protein', 'classifier', 'chunkSize']) {
      writeFileSync(path, without(name));
      await fails('VNP_MODEL_INVALID', new RegExp(`${name} of .* is missing`), () => openAnyModel(place));
    }
    writeFileSync(path, without('classifier', 'chunkSize'));
    assert.deepEqual(partNames(await openAnyModel(place)), ['dna', 'protein']);
  });
});
