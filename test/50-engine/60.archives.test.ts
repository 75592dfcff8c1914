import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Addon, Architecture, DataType, ModelPart, NativeWorker } from '../../lib/engine/addon.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { METADATA_FILE, readArchiveMetadata } from '../../lib/models/folder/archive.js';
import { describeModel } from '../../lib/models/library.js';
import type { OpenedModel } from '../../lib/models/folder/model-folder.js';
import { randomModel } from '../../lib/models/random/random-model.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { installGoldenModel, openOnCpu, pack } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { randomBatch } from './token-sequences.js';

const sizes = { layers: fc.integer({ min: 1, max: 4 }), feedForward: fc.integer({ min: 1, max: 300 }) };
const vocabulary = fc.integer({ min: 1, max: 300 });
const heads = fc.integer({ min: 1, max: 8 });
const architectures: fc.Arbitrary<Architecture> = fc.oneof(
  fc
    .record({ ...sizes, vocabulary, heads, half: fc.integer({ min: 1, max: 8 }) })
    .map(({ half, ...rest }) => ({ family: 'esm2' as const, ...rest, width: 2 * half * rest.heads })),
  fc
    .record({ ...sizes, vocabulary, heads, each: fc.integer({ min: 1, max: 9 }), tokenTypes: fc.constantFrom(1, 2) })
    .map(({ each, ...rest }) => ({
      family: 'dnabert2' as const,
      ...rest,
      width: each * rest.heads,
      layerNormEpsilon: 1e-12,
    })),
  fc.record({
    family: fc.constant('classifier' as const),
    inputs: fc.integer({ min: 1, max: 500 }),
    hidden: fc.integer({ min: 1, max: 500 }),
    batchNormEpsilon: fc.constant(1e-5),
  }),
);

const dataTypes = fc.constantFrom<DataType>('float32', 'float16', 'bfloat16');

describe('archives', () => {
  let addon: Addon;
  let golden: InstalledModel;
  let registry: ModelRegistry;
  before(async () => {
    ({ addon } = loadAddon());
    golden = await installGoldenModel();
    registry = new ModelRegistry(golden.models);
  });
  after(() => golden.remove());

  const random = (name: string, seed: number, dtype?: DataType): Promise<OpenedModel> =>
    randomModel({ name, protein: 'esm2_tiny', dna: 'dnabert_tiny', seed, registry, addon, ...(dtype && { dtype }) });
  const hashes = ({ dna, protein, classifier }: OpenedModel): string[] =>
    [dna, protein, classifier].map(({ sha256 }) => sha256);

  const parameterSizes = (architecture: Architecture): number[] =>
    addon.parametersOf(architecture).map(({ shape }) => shape.reduce((product, size) => product * size, 1));

  it('are counted without libtorch', () =>
    fc.assert(
      fc.asyncProperty(architectures, dataTypes, async (architecture, dtype) => {
        const path = join(golden.models, 'counted.pt');
        const source = { name: 'random', sha256: null };
        const metadata = { format: 1, architecture, dtype, source, random: true, createdBy: 'virnucpro' };
        const extraFiles = { [METADATA_FILE]: JSON.stringify(metadata) };
        const parameters = randomParameters(architecture, 1);
        await addon.writeArchive({ path, architecture, dtype, parameters, extraFiles });
        const counted = await readArchiveMetadata(path);
        assert.equal(
          counted.parameters,
          parameterSizes(architecture).reduce((sum, size) => sum + size, 0),
        );
      }),
      { numRuns: 30 },
    ));

  it('of random weights have as many values as their architecture says', async () => {
    const { parts } = await describeModel(await random('counted', 7), false);
    // 33*64 + 2*(4*(64*64+64) + 2*2*64 + 256*64+256 + 64*256+64) + 2*64
    assert.equal(parts[1]!.parameters, 102_208);
  });

  it('of random weights depend on the seed alone', async () => {
    const [one, again, another] = [await random('one', 5), await random('again', 5), await random('another', 6)];
    assert.deepEqual(hashes(again), hashes(one));
    hashes(another).forEach((hash, part) => assert.notEqual(hash, hashes(one)[part]));
  });

  it('of two bytes a weight are half as large and hold the rounded values', async () => {
    const exact = await random('exact', 8, 'float32');
    const tokens = pack([Array.from({ length: 33 }, (_, id) => id)]);
    const firstLayer = async (model: OpenedModel): Promise<Float32Array> => {
      const worker = await openOnCpu(model);
      const { tokens: layers } = await worker.embed('protein', tokens, { layers: [0], pools: ['tokens'] });
      await worker.close();
      return layers![0]!;
    };
    const embeddings = await firstLayer(exact);
    for (const [dtype, significandBits, smallest] of [
      ['float16', 11, 2 ** -14],
      ['bfloat16', 8, 2 ** -126],
    ] as const) {
      const rounded = await random(dtype, 8, dtype);
      assert.equal(rounded.protein.dtype, dtype);
      assert.ok(rounded.protein.bytes < 0.7 * exact.protein.bytes);
      let changed = 0;
      (await firstLayer(rounded)).forEach((value, index) => {
        const original = embeddings[index]!;
        // Half a unit in the last place, plus float32 rounding of the product with ESM-2's embedding scale.
        const bound = 2 ** -significandBits * Math.max(Math.abs(original), smallest) + 1e-6 * Math.abs(original);
        assert.ok(Math.abs(value - original) <= bound, `${dtype}: ${original} became ${value}`);
        if (value !== original) changed++;
      });
      assert.ok(changed > embeddings.length / 2);
    }
  });

  for (const dtype of ['float16', 'bfloat16'] as const) {
    for (const precision of ['fp32', 'fp16', 'bf16'] as const) {
      it(`of ${dtype} give numbers in ${precision}, in both engines`, async () => {
        const model = await registry.find(dtype).catch(() => random(dtype, 8, dtype));
        for (const engine of ['packed', 'torchscript'] as const) {
          const worker = await openOnCpu(model, { precision, engine });
          const batch = { dna: randomBatch('dna', [1, 9, 40]), protein: randomBatch('protein', [3, 9, 40]) };
          const { scores, embeddings } = await worker.run(batch, { embeddings: true });
          assert.ok(scores.length === 6 && scores.every((score) => score >= 0 && score <= 1));
          assert.ok(embeddings!.length === 3 * 128 && embeddings!.every(Number.isFinite));
          await worker.close();
        }
      });
    }
  }

  it('take the memory of their weights on the device', async () => {
    const weightBytes = async (precision: 'fp32' | 'bf16'): Promise<number> => {
      const worker = await openOnCpu(golden.model, { precision });
      await worker.close();
      return worker.weightBytes;
    };
    const values = [golden.model.dna, golden.model.protein, golden.model.classifier].flatMap(({ architecture }) =>
      parameterSizes(architecture),
    );
    const bytes = 4 * values.reduce((sum, count) => sum + count, 0);
    const [exact, rounded] = [await weightBytes('fp32'), await weightBytes('bf16')];
    assert.ok(exact > 0.95 * bytes && exact <= bytes, `${exact} of ${bytes}`);
    // Norms, their biases and embeddings stay in float32.
    assert.ok(rounded > 0.5 * exact && rounded < 0.75 * exact, `${rounded} of ${exact}`);
  });

  describe('that are damaged', () => {
    let folder: string;
    let whole: Buffer;
    before(() => {
      folder = join(golden.models, 'damaged');
      mkdirSync(folder);
      whole = readFileSync(golden.model.protein.path);
    });
    after(() => rmSync(folder, { recursive: true }));

    const open = (part: 'dna' | 'protein' | 'classifier', path: string): Promise<NativeWorker> => {
      const { dna, protein, classifier } = golden.model;
      const parts = { dna, protein, classifier };
      const changed: ModelPart<Architecture> = { ...parts[part], path };
      return addon.openWorker({
        ...{ device: 'cpu', precision: 'fp32', threads: 1, engine: 'packed' },
        ...{ ...parts, [part]: changed },
      });
    };

    const damages: [string, () => Uint8Array][] = [
      ['empty', () => Buffer.alloc(0)],
      ['cut in half', () => whole.subarray(0, whole.length / 2)],
      ['without its last byte', () => whole.subarray(0, -1)],
      ['without its first byte', () => whole.subarray(1)],
      ['zeros', () => Buffer.alloc(10_000)],
      ['text', () => Buffer.from('>not\nAN ARCHIVE\n'.repeat(100))],
      ['a checkpoint of PyTorch', () => readFileSync(fixture('golden', 'esm2', 'esm2_t3_tiny.pt'))],
      ['a classifier of PyTorch', () => readFileSync(fixture('golden', 'classifier.pth'))],
      ['safetensors', () => readFileSync(fixture('golden', 'dnabert', 'model.safetensors'))],
      ['the archive of another model', () => readFileSync(golden.model.dna.path)],
    ];
    for (const [what, bytes] of damages) {
      it(`are refused by name: ${what}`, async () => {
        const path = join(folder, `${what}.pt`);
        writeFileSync(path, bytes());
        const parts =
          what === 'the archive of another model'
            ? (['protein', 'classifier'] as const)
            : (['dna', 'protein', 'classifier'] as const);
        for (const part of parts) {
          await assert.rejects(open(part, path), (error: Error & { code?: string }) => {
            assert.equal(error.code, 'VNP_MODEL_INVALID');
            assert.ok(error.message.includes(path) && !error.message.includes('\n'), error.message);
            return true;
          });
        }
      });
    }

    it('never end the process, wherever a byte is wrong', async () => {
      const path = join(folder, 'bytes.pt');
      for (let position = 0; position < whole.length; position += Math.ceil(whole.length / 60)) {
        const bytes = Buffer.from(whole);
        bytes[position]! ^= 0xff;
        writeFileSync(path, bytes);
        const worker = await open('protein', path).catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, 'VNP_MODEL_INVALID', String(error));
        });
        await worker?.close();
      }
    });
  });

  it('are not left half written', async () => {
    const { architecture } = golden.model.classifier;
    const path = join(golden.models, 'no such folder', 'model.pt');
    const parameters = randomParameters(architecture, 1);
    const request = { path, architecture, dtype: 'float32', parameters, extraFiles: {} } as const;
    await assert.rejects(addon.writeArchive(request), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'VNP_OUTPUT');
      assert.ok(error.message.includes('no such folder') && !error.message.includes('\n'), error.message);
      return true;
    });
  });
});
