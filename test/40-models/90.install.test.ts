import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ArchiveRequest } from '../../lib/engine/addon.js';
import { importModel as importFrom } from '../../lib/models.js';
import { importModel, type ImportRequest } from '../../lib/models/import/import-model.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ESM2_SIZES } from '../../lib/models/random/published-sizes.js';
import { randomModel, type RandomRequest } from '../../lib/models/random/random-model.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { fixture } from '../repository.js';
import { fakeAddon } from './fake-addon.js';
import { fails } from './failures.js';
import { packSafetensors, unpackSafetensors } from './safetensors-file.js';
import { temporaryFolder } from './temporary-folder.js';

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('importing a model', () => {
  const folder = temporaryFolder();
  const paths = {
    protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
    dna: fixture('golden', 'dnabert'),
    classifier: fixture('golden', 'classifier.pth'),
  };

  const install = (changes: Partial<ImportRequest> = {}, requests: ArchiveRequest[] = []) =>
    importModel({
      name: 'golden',
      ...paths,
      chunkSize: 300,
      registry: new ModelRegistry(folder.path),
      addon: fakeAddon(requests),
      ...changes,
    });

  it('ends at its next step when it is aborted, and installs nothing', async () => {
    for (const last of ['dna read', 'protein write', 'classifier hash']) {
      const ended = new AbortController();
      const steps: string[] = [];
      const importing = importFrom({
        ...{ name: 'golden', ...paths, chunkSize: 300, models: folder.path, signal: ended.signal },
        onProgress: ({ part, step }) => {
          if (steps.push(`${part} ${step}`) && steps.at(-1) === last) ended.abort('enough');
        },
      });
      await assert.rejects(importing, (reason) => reason === 'enough');
      assert.equal(steps.at(-1), last);
      assert.deepEqual(await new ModelRegistry(folder.path).list(), []);
    }
  });

  it('asks for exactly the parameters of each architecture, and says where all came from', async () => {
    const requests: ArchiveRequest[] = [];
    const steps: string[] = [];
    const model = await install({ onProgress: ({ part, step }) => steps.push(`${part} ${step}`) }, requests);
    assert.deepEqual(
      requests.map(({ architecture }) => architecture.family),
      ['dnabert2', 'esm2', 'classifier'],
    );
    for (const { architecture, parameters, dtype } of requests) {
      assert.deepEqual(
        parameters.map(({ name, shape }) => ({ name, shape })),
        loadAddon().addon.parametersOf(architecture),
      );
      assert.equal(dtype, 'float32');
    }
    assert.equal(model.chunkSize, 300);
    assert.equal(model.random, false);
    assert.deepEqual(model.protein.source, { name: basename(paths.protein), sha256: sha256(paths.protein) });
    assert.deepEqual(model.dna.source, { name: 'dnabert', sha256: sha256(`${paths.dna}/model.safetensors`) });
    assert.equal(model.dna.sha256, sha256(model.dna.path));
    assert.match(model.dna.createdBy, /^virnucpro \d/);
    assert.deepEqual(steps, [
      ...['dna read', 'protein read', 'classifier read', 'dna write', 'dna hash'],
      ...['protein write', 'protein hash', 'classifier write', 'classifier hash'],
    ]);
  });

  it('keeps the tokenizer as it was written', async () => {
    const requests: ArchiveRequest[] = [];
    await install({}, requests);
    assert.equal(requests[0]!.extraFiles['tokenizer.json'], readFileSync(`${paths.dna}/tokenizer.json`, 'utf8'));
    assert.deepEqual(Object.keys(requests[1]!.extraFiles), ['virnucpro.json']);
  });

  it('changes the type of the language models only', async () => {
    const requests: ArchiveRequest[] = [];
    await install({ dtype: 'float16' }, requests);
    assert.deepEqual(
      requests.map(({ dtype }) => dtype),
      ['float16', 'float16', 'float32'],
    );
  });

  it('hashes shards together', async () => {
    const tensors = [...unpackSafetensors(`${paths.dna}/model.safetensors`)];
    const shards = join(folder.path, 'shards');
    mkdirSync(shards);
    for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(paths.dna, name), join(shards, name));
    const names = ['b.safetensors', 'a.safetensors'];
    const map: Record<string, string> = {};
    names.forEach((name, index) => {
      const half = tensors.filter((_, position) => position % 2 === index);
      writeFileSync(join(shards, name), packSafetensors(new Map(half)));
      for (const [tensor] of half) map[tensor] = name;
    });
    writeFileSync(join(shards, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    const { dna } = await install({ dna: shards, registry: new ModelRegistry(join(folder.path, 'models')) });
    const lines = names.sort().map((name) => `${sha256(join(shards, name))}  ${name}\n`);
    assert.equal(dna.source.sha256, createHash('sha256').update(lines.join('')).digest('hex'));
  });

  const refused: [string, RegExp, () => Partial<ImportRequest>, ('VNP_CHECKPOINT' | 'VNP_USAGE')?][] = [
    ['the wrong family', /an ESM-2 checkpoint for `protein` .* \(`dna`\)/, () => ({ protein: paths.dna })],
    ['a file that is missing', /checkpoint file or folder/, () => ({ classifier: '/nowhere/500_model.pth' })],
    ['no tokenizer', /tokenizer\.json beside the weights/, () => ({ dna: withoutTokenizer() })],
    [
      'a classifier of other inputs',
      /112 inputs \(48 of `dna` and 64 of `protein`\) .* received 5/,
      () => ({ classifier: narrowClassifier() }),
    ],
    ['a window of no length', /the chunk size but received 0/, () => ({ chunkSize: 0 }), 'VNP_USAGE'],
    ['a chunk size that is no number', /received NaN/, () => ({ chunkSize: Number.NaN }), 'VNP_USAGE'],
    ['a bad name', /the name of a model/, () => ({ name: '../evil' }), 'VNP_USAGE'],
  ];
  for (const [what, words, changes, code = 'VNP_CHECKPOINT'] of refused) {
    it(`is refused with ${what}, and nothing is written`, async () => {
      const request = { registry: new ModelRegistry(join(folder.path, 'models')), ...changes() };
      await fails(code, words, () => install(request));
      assert.ok(!readdirSync(folder.path).includes('models'));
    });
  }

  function withoutTokenizer(): string {
    for (const name of ['config.json', 'model.safetensors'])
      copyFileSync(join(paths.dna, name), join(folder.path, name));
    return folder.path;
  }

  function narrowClassifier(): string {
    const tensor = (shape: number[]) => ({
      dtype: 'F32',
      shape,
      bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
    });
    const names = ['hidden_layer.bias', 'bn1.weight', 'bn1.bias', 'bn1.running_mean', 'bn1.running_var'];
    const tensors = new Map(names.map((name) => [name, tensor([3])]));
    tensors
      .set('hidden_layer.weight', tensor([3, 5]))
      .set('output_layer.weight', tensor([2, 3]))
      .set('output_layer.bias', tensor([2]));
    return folder.write('narrow.safetensors', packSafetensors(tensors));
  }
});

describe('making a random model', () => {
  const folder = temporaryFolder();

  const make = async (changes: Partial<RandomRequest> = {}) => {
    const requests: ArchiveRequest[] = [];
    const registry = new ModelRegistry(folder.path);
    const model = await randomModel({
      name: 'random',
      protein: 'esm2_tiny',
      dna: 'dnabert_tiny',
      seed: 1,
      registry,
      addon: fakeAddon(requests),
      overwrite: true,
      ...changes,
    });
    return { model, requests };
  };

  it('has the sizes of the published one', async () => {
    const { model } = await make({ protein: 'esm2_t36_3B_UR50D', dna: 'dnabert_s' });
    assert.deepEqual(model.protein.architecture, {
      family: 'esm2',
      layers: 36,
      width: 2560,
      heads: 40,
      feedForward: 10240,
      vocabulary: 33,
    });
    assert.equal(model.protein.dtype, 'float16');
    assert.equal(model.dna.dtype, 'float32');
    assert.equal(model.classifier.architecture.inputs, 3328);
    assert.equal(model.chunkSize, 500);
    assert.equal(model.random, true);
    assert.equal(model.protein.source.sha256, null);
  });

  it('is the same for the same seed only, and no two parameters share their numbers', async () => {
    const parametersOfSeed = async (seed: number) =>
      (await make({ seed })).requests.map(({ parameters }) => parameters);
    assert.deepEqual(await parametersOfSeed(5), await parametersOfSeed(5));
    const seeds = (parameters: ArchiveRequest['parameters'][]): number[] =>
      parameters.flat().flatMap(({ source }) => (source.kind === 'normal' ? [source.seed] : []));
    const [five, six] = [seeds(await parametersOfSeed(5)), seeds(await parametersOfSeed(6))];
    assert.equal(new Set([...five, ...six]).size, five.length + six.length);
    assert.ok(five.every((seed) => Number.isSafeInteger(seed) && seed >= 0));
  });

  it('is made of norms that do nothing, and weights of a size that fits their inputs', () => {
    for (const { architecture } of ESM2_SIZES.values()) {
      for (const { name, shape, source } of randomParameters(architecture, 1)) {
        if (source.kind === 'normal') {
          assert.ok(source.standardDeviation > 0 && source.standardDeviation <= 1, name);
          assert.equal(shape.length, 2, name);
        } else assert.equal(source.kind, 'constant');
        if (name.endsWith('norm.bias')) assert.deepEqual(source, { kind: 'constant', value: 0 });
      }
    }
  });

  it('is refused with an unknown size, seed or chunk size', async () => {
    await fails('VNP_USAGE', /one of esm2_tiny, esm2_t6_8M_UR50D, .* received "esm3"/, () => make({ protein: 'esm3' }));
    await fails('VNP_USAGE', /one of dnabert_tiny, dnabert_s/, () => make({ dna: 'toString' }));
    await fails('VNP_USAGE', /the seed/, () => make({ seed: -1 }));
    await fails('VNP_USAGE', /the seed/, () => make({ seed: 1.5 }));
    await fails('VNP_USAGE', /the chunk size/, () => make({ chunkSize: 2 }));
    assert.deepEqual(readdirSync(folder.path), []);
  });
});
