import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import type { ArchiveParameter } from '../../lib/engine/addon.js';
import { readCheckpoint } from '../../lib/models/checkpoint/checkpoint.js';
import { importClassifier } from '../../lib/models/import/classifier.js';
import { importDnabert } from '../../lib/models/import/dnabert.js';
import { importEsm2 } from '../../lib/models/import/esm2.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { fixture } from '../repository.js';
import { valuesOf } from './checkpoint-values.js';
import { fails } from './failures.js';
import { packSafetensors, unpackSafetensors, type TestTensor } from './safetensors-file.js';
import { temporaryFolder } from './temporary-folder.js';

type Json = Record<string, unknown>;

function parameterValues({ shape, source }: ArchiveParameter): Buffer {
  assert.ok(source.kind === 'file');
  return valuesOf({ path: source.path, offset: source.offset, dtype: source.dtype, shape, strides: source.strides });
}

/** A copy of a golden transformers folder, with changes. */
function variants(golden: string[]) {
  const folder = temporaryFolder();
  const source = fixture('golden', ...golden);
  return (changes: {
    config?: Json;
    tensors?: (tensors: Map<string, TestTensor>) => Map<string, TestTensor>;
  }): string => {
    const config = JSON.parse(readFileSync(`${source}/config.json`, 'utf8')) as Json;
    const tensors = unpackSafetensors(`${source}/model.safetensors`);
    const changed = changes.tensors?.(tensors) ?? tensors;
    folder.write('config.json', JSON.stringify({ ...config, ...changes.config }));
    folder.write('model.safetensors', packSafetensors(changed));
    return folder.path;
  };
}

function renamed(tensors: Map<string, TestTensor>, rename: (name: string) => string): Map<string, TestTensor> {
  return new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));
}

function without(tensors: Map<string, TestTensor>, name: string): Map<string, TestTensor> {
  tensors.delete(name);
  return tensors;
}

const narrow: TestTensor = { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) };

describe('importing ESM-2', () => {
  const variant = variants(['esm2', 'hf']);
  const load = async (path: string) => importEsm2(await readCheckpoint(path));

  it('gives the same parameters from fair-esm, safetensors and pytorch_model.bin', async () => {
    const fair = await load(fixture('golden', 'esm2', 'esm2_t3_tiny.pt'));
    const wanted = { family: 'esm2', layers: 3, width: 64, heads: 4, feedForward: 256, vocabulary: 33 };
    for (const path of [fixture('golden', 'esm2', 'hf'), fixture('golden', 'esm2', 'hf', 'pytorch_model.bin')]) {
      const other = await load(path);
      assert.deepEqual([fair.architecture, other.architecture], [wanted, wanted]);
      assert.equal(other.dtype, 'float32');
      fair.parameters.forEach((parameter, index) => {
        const twin = other.parameters[index]!;
        assert.deepEqual([twin.name, twin.shape], [parameter.name, parameter.shape]);
        assert.ok(parameterValues(parameter).equals(parameterValues(twin)), parameter.name);
      });
    }
    assert.deepEqual(
      fair.parameters.map(({ name, shape }) => ({ name, shape })),
      loadAddon().addon.parametersOf(fair.architecture),
    );
  });

  it('names what it leaves out', async () => {
    const { ignored } = await load(fixture('golden', 'esm2', 'esm2_t3_tiny.pt'));
    assert.ok(ignored.includes('encoder.lm_head.weight'));
    assert.ok(ignored.includes('encoder.sentence_encoder.layers.2.self_attn.rot_emb.inv_freq'));
    assert.equal(ignored.length, 9);
  });

  it('takes weights without the prefix "esm."', async () => {
    const path = variant({ tensors: (tensors) => renamed(tensors, (name) => name.replace(/^esm\./, '')) });
    assert.equal((await load(path)).parameters.length, 51);
  });

  it('says the widest type that the weights have', async () => {
    const halve = (tensors: Map<string, TestTensor>): Map<string, TestTensor> => {
      for (const [name, tensor] of tensors) {
        if (name.endsWith('bias')) continue;
        tensors.set(name, { ...tensor, dtype: 'F16', bytes: tensor.bytes.subarray(0, tensor.bytes.length / 2) });
      }
      return tensors;
    };
    assert.equal((await load(variant({ tensors: halve }))).dtype, 'float32');
  });

  const otherModels: [string, RegExp, Json][] = [
    [
      'learned positions, as ESM-1b has',
      /position_embedding_type .* must be "rotary" but is "absolute"/,
      { position_embedding_type: 'absolute' },
    ],
    ['no kind of positions', /position_embedding_type .* but is missing/, { position_embedding_type: undefined }],
    ['no token dropout', /token_dropout .* must be true but is false/, { token_dropout: false }],
    ['a norm before the layers', /emb_layer_norm_before/, { emb_layer_norm_before: true }],
    ['another activation', /hidden_act/, { hidden_act: 'relu' }],
    ['another epsilon', /layer_norm_eps/, { layer_norm_eps: 1e-12 }],
    ['another alphabet', /alphabet of 33 tokens/, { vocab_size: 30 }],
    ['an odd number of values per head', /even number of values per head/, { num_attention_heads: 64 }],
    ['no heads', /a whole number from 1/, { num_attention_heads: 0 }],
    ['a million layers', /a whole number from 1 to 1000/, { num_hidden_layers: 1_000_000 }],
    ['more layers than weights', / has no weight .*layer\.3\./, { num_hidden_layers: 4 }],
    ['fewer layers than weights', /weights too many for its architecture/, { num_hidden_layers: 2 }],
    ['another width', / instead of \[33, 128\]/, { hidden_size: 128 }],
  ];
  for (const [what, words, config] of otherModels) {
    it(`refuses a model with ${what}`, () => fails('VNP_CHECKPOINT', words, () => load(variant({ config }))));
  }

  it('refuses weights that are missing, of another shape or type, or unknown', async () => {
    const name = 'esm.encoder.layer.1.output.dense.bias';
    await fails('VNP_CHECKPOINT', / has no weight .*layer\.1\.output\.dense\.bias \[64\]/, () =>
      load(variant({ tensors: (tensors) => without(tensors, name) })),
    );
    await fails('VNP_CHECKPOINT', /bias of .* has the shape \[1\] instead of \[64\]/, () =>
      load(variant({ tensors: (tensors) => tensors.set(name, narrow) })),
    );
    await fails('VNP_CHECKPOINT', /bias of .* has the type int32\. .* float32, float16 or bfloat16/, () =>
      load(variant({ tensors: (tensors) => tensors.set(name, { ...tensors.get(name)!, dtype: 'I32' }) })),
    );
    await fails(
      'VNP_CHECKPOINT',
      /1 weight too many for its architecture: "esm\.encoder\.layer\.0\.attention\.self\.query\.lora_A\.weight"/,
      () =>
        load(
          variant({
            tensors: (tensors) => tensors.set('esm.encoder.layer.0.attention.self.query.lora_A.weight', narrow),
          }),
        ),
    );
  });
});

describe('importing DNABERT', () => {
  const variant = variants(['dnabert']);
  const load = async (path: string) => importDnabert(await readCheckpoint(path));

  it('reads sizes and every parameter, with and without the prefix "bert."', async () => {
    const plain = await load(fixture('golden', 'dnabert'));
    assert.deepEqual(plain.architecture, {
      family: 'dnabert2',
      layers: 3,
      width: 48,
      heads: 6,
      feedForward: 96,
      vocabulary: 512,
      tokenTypes: 2,
      layerNormEpsilon: 1e-12,
    });
    assert.deepEqual(plain.ignored, ['pooler.dense.bias', 'pooler.dense.weight']);
    const addPrefix = (tensors: Map<string, TestTensor>): Map<string, TestTensor> =>
      renamed(tensors, (name) => `bert.${name}`).set('cls.predictions.bias', narrow);
    const prefixed = await load(variant({ tensors: addPrefix }));
    plain.parameters.forEach((parameter, index) => {
      const twin = prefixed.parameters[index]!;
      assert.equal(twin.name, parameter.name);
      assert.ok(parameterValues(parameter).equals(parameterValues(twin)), parameter.name);
    });
    assert.equal(prefixed.parameters.length, 37);
  });

  it('refuses a plain BERT by name', async () => {
    const toBert = (tensors: Map<string, TestTensor>): Map<string, TestTensor> =>
      renamed(tensors, (name) => name.replace('attention.self.Wqkv', 'attention.self.query'));
    await fails('VNP_CHECKPOINT', /DNABERT-2 or DNABERT-S checkpoint for `dna` .* a plain BERT checkpoint/, () =>
      load(variant({ tensors: toBert })),
    );
  });

  it('refuses settings that do not fit', async () => {
    await fails('VNP_CHECKPOINT', /hidden_act/, () => load(variant({ config: { hidden_act: 'gelu_new' } })));
    await fails('VNP_CHECKPOINT', /whole number of values per head/, () =>
      load(variant({ config: { num_attention_heads: 7 } })),
    );
    await fails('VNP_CHECKPOINT', /layer_norm_eps .* must be a positive number/, () =>
      load(variant({ config: { layer_norm_eps: '1' } })),
    );
    await fails('VNP_CHECKPOINT', / instead of \[384, 48\]/, () =>
      load(variant({ config: { intermediate_size: 192 } })),
    );
  });
});

describe('importing a classifier', () => {
  const folder = temporaryFolder();
  const load = async (path: string) => importClassifier(await readCheckpoint(path));

  async function stateDict(change: (tensors: Map<string, TestTensor>) => void = () => {}): Promise<string> {
    const { tensors } = await readCheckpoint(fixture('golden', 'classifier.pth'));
    const copies = new Map(
      [...tensors].map(([name, tensor]): [string, TestTensor] => {
        const dtype = tensor.dtype === 'int64' ? 'I64' : 'F32';
        return [name, { dtype, shape: [...tensor.shape], bytes: valuesOf(tensor) }];
      }),
    );
    change(copies);
    return folder.write('state.safetensors', packSafetensors(copies));
  }

  it('reads the pickled module, in both formats, and a state dict', async () => {
    const architecture = { family: 'classifier', inputs: 112, hidden: 16, batchNormEpsilon: 1e-5 };
    const module = await load(fixture('golden', 'classifier.pth'));
    for (const path of [fixture('golden', 'classifier_legacy.pth'), await stateDict()]) {
      const other = await load(path);
      assert.deepEqual([module.architecture, other.architecture], [architecture, architecture]);
      assert.deepEqual(other.ignored, ['bn1.num_batches_tracked']);
      module.parameters.forEach((parameter, index) =>
        assert.ok(parameterValues(parameter).equals(parameterValues(other.parameters[index]!)), parameter.name),
      );
    }
    assert.deepEqual(
      module.parameters.map(({ name }) => name),
      [
        'hidden.weight',
        'hidden.bias',
        'norm.weight',
        'norm.bias',
        'norm.running_mean',
        'norm.running_var',
        'output.weight',
        'output.bias',
      ],
    );
  });

  it('refuses one with three classes, or with a layer more', async () => {
    const three = { dtype: 'F32', shape: [3, 16], bytes: new Uint8Array(192) };
    await fails('VNP_CHECKPOINT', /the shape \[3, 16\] instead of \[2, 16\]/, async () =>
      load(await stateDict((tensors) => void tensors.set('output_layer.weight', three))),
    );
    await fails('VNP_CHECKPOINT', /1 weight too many for its architecture: "second_layer\.weight"/, async () =>
      load(await stateDict((tensors) => void tensors.set('second_layer.weight', narrow))),
    );
  });

  it('refuses a module whose parts are of other classes', async () => {
    const bytes = readFileSync(fixture('golden', 'classifier.pth'));
    bytes.write('torch.nn.modules.instance', bytes.indexOf('torch.nn.modules.batchnorm'), 'latin1');
    // One letter fewer: the class's module and name are lines, so the end of the line moves.
    bytes.write('m\n', bytes.indexOf('torch.nn.modules.instance') + 'torch.nn.modules.instance'.length, 'latin1');
    await fails('VNP_CHECKPOINT', /bn1 of .* instead of .*BatchNorm1d/, () => load(folder.write('x.pth', bytes)));
  });
});

describe('a checkpoint of another family', () => {
  const folder = temporaryFolder();
  const paths = {
    esm: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
    transformers: fixture('golden', 'esm2', 'hf'),
    dna: fixture('golden', 'dnabert'),
    classifier: fixture('golden', 'classifier.pth'),
    other: fixture('golden', 'esm2', 'outputs.safetensors'),
  };
  const words = {
    esm: /received an ESM checkpoint \(`protein`\)/,
    transformers: /received an ESM checkpoint \(`protein`\)/,
    dna: /received a DNABERT-2 or DNABERT-S checkpoint \(`dna`\)/,
    classifier: /received a classifier checkpoint \(`classifier`\)/,
    other: /received a checkpoint of another kind \(weights such as allX/,
  };
  const importers = { esm: importEsm2, dna: importDnabert, classifier: importClassifier };

  for (const [option, importer] of Object.entries(importers)) {
    for (const [kind, path] of Object.entries(paths)) {
      if (kind === option || (kind === 'transformers' && option === 'esm')) continue;
      it(`is named: ${kind} given as --${option}`, () =>
        fails('VNP_CHECKPOINT', words[kind as keyof typeof words], async () => importer(await readCheckpoint(path))));
    }
  }

  it('needs its config.json', async () => {
    for (const [golden, importer] of [
      ['esm2/hf', importEsm2],
      ['dnabert', importDnabert],
    ] as const) {
      copyFileSync(fixture('golden', golden, 'model.safetensors'), `${folder.path}/model.safetensors`);
      await fails('VNP_CHECKPOINT', /config\.json/, async () => importer(await readCheckpoint(folder.path)));
    }
  });

  it('is named when it is an older ESM', async () => {
    const tensors = unpackSafetensors(fixture('golden', 'esm2', 'hf', 'model.safetensors'));
    const older = new Map([['encoder.sentence_encoder.embed_positions.weight', tensors.get('lm_head.bias')!]]);
    const path = folder.write('x', packSafetensors(older));
    await fails('VNP_CHECKPOINT', /received ESM-1, ESM-1b, ESM-1v/, async () => importEsm2(await readCheckpoint(path)));
  });
});
