import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readCheckpoint, type Checkpoint } from '../../lib/models/checkpoint/checkpoint.js';
import { PickledRecord } from '../../lib/models/checkpoint/pickle-values.js';
import { fixture } from '../repository.js';
import { valuesOf } from './checkpoint-values.js';
import { fails } from './failures.js';
import { global, pickle, tensor, text } from './pickle-text.js';
import { storedZip } from './stored-zip.js';
import { temporaryFolder } from './temporary-folder.js';

function sameTensors(one: Checkpoint, other: Checkpoint): void {
  assert.deepEqual([...one.tensors.keys()].sort(), [...other.tensors.keys()].sort());
  for (const [name, tensor] of one.tensors) {
    const twin = other.tensors.get(name)!;
    assert.deepEqual([tensor.shape, tensor.dtype], [twin.shape, twin.dtype], name);
    assert.ok(valuesOf(tensor).equals(valuesOf(twin)), name);
  }
}

describe('files of torch.save', () => {
  it('hold the same values as the safetensors beside them', async () => {
    for (const folder of [fixture('golden', 'dnabert'), fixture('golden', 'esm2', 'hf')]) {
      const torch = await readCheckpoint(`${folder}/pytorch_model.bin`);
      const safe = await readCheckpoint(`${folder}/model.safetensors`);
      assert.ok(torch.tensors.size > 30);
      sameTensors(torch, safe);
    }
  });

  it('hold the same values in the zip format and in the older one', async () => {
    const zip = await readCheckpoint(fixture('golden', 'classifier.pth'));
    const legacy = await readCheckpoint(fixture('golden', 'classifier_legacy.pth'));
    assert.equal(zip.tensors.size, 9);
    sameTensors(zip, legacy);
    for (const { root } of [zip, legacy]) {
      assert.ok(root instanceof PickledRecord);
      assert.equal(root.type.path, '__main__.MLPClassifier');
    }
  });

  it('of fair-esm hold the weights of the transformers folder', async () => {
    const fair = await readCheckpoint(fixture('golden', 'esm2', 'esm2_t3_tiny.pt'));
    const transformers = await readCheckpoint(fixture('golden', 'esm2', 'hf'));
    for (const [one, other] of [
      ['encoder.sentence_encoder.embed_tokens.weight', 'esm.embeddings.word_embeddings.weight'],
      ['encoder.sentence_encoder.layers.2.fc2.weight', 'esm.encoder.layer.2.output.dense.weight'],
    ] as const) {
      assert.ok(valuesOf(fair.tensors.get(one)!).equals(valuesOf(transformers.tensors.get(other)!)));
    }
  });

  it('list the numbers that are no weights too', async () => {
    const { tensors } = await readCheckpoint(fixture('golden', 'classifier.pth'));
    assert.deepEqual(tensors.get('bn1.num_batches_tracked'), {
      ...tensors.get('bn1.num_batches_tracked')!,
      dtype: 'int64',
      shape: [],
      strides: [],
    });
  });
});

describe('a zip file of torch.save', () => {
  const folder = temporaryFolder();
  const dict = (...items: string[]): Buffer => pickle(`}(${items.join('')}u`);
  const one = dict(text('w'), tensor('0', 4, 1, [3], [1]));
  const data = { name: 'm/data/0', bytes: Buffer.from(Float32Array.of(1, 2, 3, 4).buffer) };

  const read = (root: Buffer, ...others: { name: string; bytes: Uint8Array; method?: number }[]): Promise<Checkpoint> =>
    readCheckpoint(folder.write('x', storedZip([{ name: 'm/data.pkl', bytes: root }, ...others])));

  it('is recognised by its content', async () => {
    const { tensors } = await read(one, data);
    assert.deepEqual(new Float32Array(new Uint8Array(valuesOf(tensors.get('w')!)).buffer), Float32Array.of(2, 3, 4));
  });

  it('may be transposed', async () => {
    const { tensors } = await read(dict(text('w'), tensor('0', 4, 0, [2, 2], [1, 2])), data);
    assert.deepEqual(new Float32Array(new Uint8Array(valuesOf(tensors.get('w')!)).buffer), Float32Array.of(1, 3, 2, 4));
  });

  it('is refused without its storages, or with others', async () => {
    await fails('VNP_CHECKPOINT', /no entry "m\/data\/0"/, () => read(one));
    await fails('VNP_CHECKPOINT', /should take 16 bytes, but has 3/, () =>
      read(one, { ...data, bytes: Buffer.from('abc') }),
    );
    await fails('VNP_CHECKPOINT', /"m\/data\/0" is compressed/, () => read(one, { ...data, method: 8 }));
  });

  it('is refused when big-endian, TorchScript, or something else', async () => {
    await fails('VNP_CHECKPOINT', /byte order "big"/, () =>
      read(one, data, { name: 'm/byteorder', bytes: Buffer.from('big') }),
    );
    await fails('VNP_CHECKPOINT', /TorchScript/, () =>
      read(one, data, { name: 'm/constants.pkl', bytes: Buffer.from('') }),
    );
    const other = folder.write('x', storedZip([{ name: 'a.txt', bytes: Buffer.from('hello') }]));
    await fails('VNP_CHECKPOINT', /not one that torch\.save wrote/, () => readCheckpoint(other));
  });

  it('is refused when its pickle would run code, and nothing is run', async () => {
    await fails('VNP_CHECKPOINT', /"os\.system" would run code/, () =>
      read(pickle(`${global('os', 'system')}(${text('touch /tmp/hostile')}tR`)),
    );
  });

  it('does not follow modules that contain themselves', async () => {
    const module = (body: string): string => `${global('torch.nn.modules.container', 'Sequential')})\x81q\x01}${body}b`;
    const cyclic = module(`${text('_modules')}}${text('a')}h\x01s${text('b')}h\x01ss`);
    const { tensors } = await read(pickle(cyclic));
    assert.equal(tensors.size, 0);
  });
});

describe('the older format of torch.save', () => {
  const folder = temporaryFolder();

  it('is refused when its storages are not what its pickle says', async () => {
    const bytes = readFileSync(fixture('golden', 'classifier_legacy.pth'));
    const count = bytes.indexOf(Buffer.from([16, 0, 0, 0, 0, 0, 0, 0]), 12_000);
    bytes[count] = 17;
    await fails('VNP_CHECKPOINT', /17 elements, not 16/, () => readCheckpoint(folder.write('x', bytes)));
  });

  it('is refused when it is big-endian', async () => {
    const bytes = readFileSync(fixture('golden', 'classifier_legacy.pth'));
    bytes[bytes.indexOf('little_endian') + 'little_endian'.length + 2] = 0x89;
    await fails('VNP_CHECKPOINT', /not little-endian/, () => readCheckpoint(folder.write('x', bytes)));
  });
});
