import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { readCheckpoint } from '../../lib/models/checkpoint/checkpoint.js';
import { fixture } from '../repository.js';
import { valuesOf } from './checkpoint-values.js';
import { fails } from './failures.js';
import { packSafetensors, safetensorsOf, unpackSafetensors } from './safetensors-file.js';
import { temporaryFolder } from './temporary-folder.js';

describe('safetensors', () => {
  const folder = temporaryFolder();
  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

  const refuses = (words: RegExp, header: unknown, data = new Uint8Array(8)): Promise<void> =>
    fails('VNP_CHECKPOINT', words, () => readCheckpoint(folder.write('x', safetensorsOf(header, data))));

  it('finds every tensor of a real file', async () => {
    const path = fixture('golden', 'esm2', 'outputs.safetensors');
    const { tensors } = await readCheckpoint(path);
    const wanted = unpackSafetensors(path);
    assert.deepEqual([...tensors.keys()].sort(), [...wanted.keys()].sort());
    for (const [name, tensor] of tensors) {
      assert.deepEqual(tensor.shape, wanted.get(name)!.shape);
      assert.ok(valuesOf(tensor).equals(wanted.get(name)!.bytes), name);
    }
  });

  it('reads every element type, scalars and empty tensors', async () => {
    const sizes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
    const tensors = new Map(
      Object.entries(sizes).map(([dtype, size]) => [dtype, { dtype, shape: [], bytes: new Uint8Array(size) }]),
    );
    const empty = { dtype: 'F32', shape: [0, 3], bytes: new Uint8Array() };
    const file = folder.write('x', packSafetensors(new Map([...tensors, ['empty', empty]])));
    const checkpoint = await readCheckpoint(file);
    assert.equal(checkpoint.tensors.get('BF16')!.dtype, 'bfloat16');
    assert.deepEqual(checkpoint.tensors.get('empty')!.shape, [0, 3]);
    assert.equal(checkpoint.tensors.size, 11);
  });

  it('takes names such as __proto__ for plain names', async () => {
    const header = '{"__proto__":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const { tensors } = await readCheckpoint(folder.write('x', safetensorsOf(header, new Uint8Array(8))));
    assert.deepEqual([...tensors.keys()], ['__proto__']);
    assert.equal(({} as Record<string, unknown>)['dtype'], undefined);
  });

  it('refuses a header that is longer than the format allows, and reads none of it', async () => {
    const path = folder.write('x', safetensorsOf('{'));
    truncateSync(path, 200_000_000);
    const handle = openSync(path, 'r+');
    writeSync(handle, Buffer.from(BigUint64Array.of(150_000_000n).buffer), 0, 8, 0);
    closeSync(handle);
    await fails('VNP_CHECKPOINT', /claims 150000000 bytes; the format allows 100000000/, () => readCheckpoint(path));
  });

  const damages: [string, RegExp, unknown, number?][] = [
    ['text that is no JSON', /is not valid JSON/, '{"a": nonsense}'],
    ['a string that does not end', /is not valid JSON/, '{"a'],
    ['a name that appears twice', /"a" appears twice/, `{"a":${JSON.stringify(entry)},"a":${JSON.stringify(entry)}}`],
    ['a name that appears twice in other letters', /appears twice/, '{"a":1,"\\u0061":2}'],
    ['nesting without end', /nested deeper/, `{"a":${'['.repeat(10_000)}`],
    ['an entry that is no object', /"a" is not an object/, { a: 3 }],
    ['an unknown element type', /unknown dtype "F7"/, { a: { ...entry, dtype: 'F7' } }],
    ['a missing shape', /no valid shape/, { a: { dtype: 'F32', data_offsets: [0, 8] } }],
    ['a negative size', /no valid shape/, { a: { ...entry, shape: [-2] } }],
    ['a shape whose product is no exact integer', /no valid shape/, { a: { ...entry, shape: [2 ** 40, 2 ** 40] } }],
    ['a shape that asks for other bytes', /3 elements of float32, but 8 bytes/, { a: { ...entry, shape: [3] } }],
    ['missing offsets', /no valid data_offsets/, { a: { dtype: 'F32', shape: [2] } }],
    ['offsets beyond the file', /bytes 0 to 80 of the data/, { a: { ...entry, shape: [20], data_offsets: [0, 80] } }],
    ['offsets that go backwards', /lies at bytes 8 to 0/, { a: { ...entry, data_offsets: [8, 0] } }],
    ['overlapping tensors', /overlaps/, { a: entry, b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }],
    ['a gap', /leaves a gap/, { a: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }],
    ['bytes after the last tensor', /end at byte/, { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }],
  ];
  for (const [what, words, header] of damages) it(`refuses ${what}`, () => refuses(words, header));

  it('refuses a header that is no object', async () => {
    await fails('VNP_CHECKPOINT', /neither a safetensors file nor a torch\.save file/, () =>
      readCheckpoint(folder.write('x', safetensorsOf([1, 2, 3]))),
    );
  });
});

describe('a folder of a checkpoint', () => {
  const folder = temporaryFolder();
  const one = new Map([['a', { dtype: 'F32', shape: [1], bytes: new Uint8Array([1, 2, 3, 4]) }]]);
  const two = new Map([['b', { dtype: 'F16', shape: [1], bytes: new Uint8Array([5, 6]) }]]);

  const index = (map: Record<string, unknown>): string =>
    folder.write('model.safetensors.index.json', JSON.stringify({ weight_map: map }));

  it('joins shards', async () => {
    folder.write('model-1.safetensors', packSafetensors(one));
    folder.write('model-2.safetensors', packSafetensors(two));
    index({ a: 'model-1.safetensors', b: 'model-2.safetensors' });
    const { tensors, files } = await readCheckpoint(folder.path);
    assert.deepEqual([...valuesOf(tensors.get('a')!), ...valuesOf(tensors.get('b')!)], [1, 2, 3, 4, 5, 6]);
    assert.equal(files.length, 2);
  });

  it('prefers model.safetensors, and reads config.json', async () => {
    folder.write('model.safetensors', packSafetensors(one));
    folder.write('pytorch_model.bin', 'never read');
    folder.write('config.json', '{"model_type": "esm"}');
    const { tensors, config } = await readCheckpoint(folder.path);
    assert.deepEqual([...tensors.keys()], ['a']);
    assert.deepEqual(config, { model_type: 'esm' });
  });

  it('refuses a shard outside the folder', async () => {
    for (const name of ['../model-1.safetensors', '/etc/passwd', '..', 3, null]) {
      index({ a: name });
      await fails('VNP_CHECKPOINT', /is not the name of a file in its folder/, () => readCheckpoint(folder.path));
    }
  });

  it('refuses an index that does not fit its shards', async () => {
    folder.write('model-1.safetensors', packSafetensors(one));
    folder.write('model-2.safetensors', packSafetensors(one));
    index({ c: 'model-1.safetensors' });
    await fails('VNP_CHECKPOINT', /"c" is not in the shard/, () => readCheckpoint(folder.path));
    index({ a: 'model-1.safetensors', b: 'model-2.safetensors' });
    await fails('VNP_CHECKPOINT', /"a" is in two shards/, () => readCheckpoint(folder.path));
    index({ a: 'missing.safetensors' });
    await fails('VNP_CHECKPOINT', /^The file .* cannot be read: /, () => readCheckpoint(folder.path));
  });

  it('is never a pipe, which would be waited for', async () => {
    const pipe = `${folder.path}/pipe`;
    execFileSync('mkfifo', [pipe]);
    await fails('VNP_CHECKPOINT', /is not a regular file/, () => readCheckpoint(pipe));
  });

  it('says what is missing, and what it got instead', async () => {
    await fails('VNP_CHECKPOINT', /one of model\.safetensors/, () => readCheckpoint(folder.path));
    await fails('VNP_CHECKPOINT', /checkpoint file or folder/, () => readCheckpoint(`${folder.path}/missing`));
    for (const [content, words] of [
      ['', /an empty file/],
      ['version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /Git LFS pointer/],
      ['<!DOCTYPE html><html>', /an HTML page/],
      ['>contig\nACGT\n', /something else/],
    ] as const) {
      await fails('VNP_CHECKPOINT', words, () => readCheckpoint(folder.write('file', content)));
    }
  });
});
