import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import type {
  Addon,
  ArchiveRequest,
  NativeBytePairTokenizer,
  NativeWorker,
  OpenRequest,
} from '../../lib/engine/addon.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { installGoldenModel, LAST_MEAN, meansOf, openOnCpu, pack } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';

type Json = Record<string, unknown>;

/** Values that hardly any argument accepts. */
const WRONG: readonly unknown[] = [
  undefined,
  null,
  false,
  NaN,
  -1,
  1.5,
  1e300,
  '',
  'nonsense',
  Symbol('s'),
  5n,
  [],
  [undefined],
  {},
  () => 0,
  new Float64Array(2),
];

function describeValue(value: unknown): string {
  return typeof value === 'symbol' || typeof value === 'function' ? typeof value : `${typeof value} ${String(value)}`;
}

/** The error of a call that must fail: one line, with a code. Checks that an asynchronous call returns a promise. */
async function rejection(call: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  const promise = call();
  assert.ok(promise instanceof Promise);
  return coded(
    await promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

function thrown(call: () => unknown): { code: string; message: string } {
  let error: unknown;
  try {
    call();
  } catch (caught) {
    error = caught;
  }
  return coded(error);
}

function coded(error: unknown): { code: string; message: string } {
  assert.ok(error instanceof Error, 'nothing was thrown');
  assert.ok('code' in error && typeof error.code === 'string', `no code: ${error.message}`);
  // One line; errors about an argument have a format of their own.
  assert.match(error.message, error.code === 'VNP_ARGUMENT' ? /^Expected [^\n]+$/ : /^\S[^\n]+$/);
  return { code: error.code, message: error.message };
}

/** Copies of an object in which one field, at any depth, has a wrong value. */
function* spoiled(object: Json): Generator<{ what: string; value: Json }> {
  for (const [name, field] of Object.entries(object)) {
    for (const wrong of WRONG) {
      yield { what: `${name} = ${describeValue(wrong)}`, value: { ...object, [name]: wrong } };
    }
    if (typeof field !== 'object' || field === null || ArrayBuffer.isView(field) || Array.isArray(field)) continue;
    for (const { what, value } of spoiled(field as Json)) {
      yield { what: `${name}.${what}`, value: { ...object, [name]: value } };
    }
  }
}

function detached(): Int32Array {
  const array = Int32Array.of(0, 1);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  assert.equal(array.length, 0);
  return array;
}

describe('the native contract', () => {
  let addon: Addon;
  let installed: InstalledModel;
  let workers: NativeWorker[];

  before(async () => {
    ({ addon } = loadAddon());
    installed = await installGoldenModel();
    workers = [await openOnCpu(installed.model), await openOnCpu(installed.model, { engine: 'torchscript' })];
  });
  after(async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    installed.remove();
  });

  it('answers wrong tokens with VNP_ARGUMENT, in both engines', async () => {
    const int = (...values: number[]): Int32Array => Int32Array.from(values);
    const cases = new Map<string, PackedTokens>();
    cases.set('no offsets', { tokens: int(), offsets: int() });
    cases.set('offsets that begin late', { tokens: int(5, 5, 5, 5), offsets: int(1, 4) });
    cases.set('offsets that end early', { tokens: int(5, 5, 5, 5), offsets: int(0, 3) });
    cases.set('offsets that end late', { tokens: int(5, 5, 5, 5), offsets: int(0, 5) });
    cases.set('offsets that fall', { tokens: int(5, 5, 5, 5, 5, 5), offsets: int(0, 5, 3, 6) });
    cases.set('offsets beyond the tokens', { tokens: int(5, 5, 5, 5), offsets: int(0, 2 ** 31 - 1, 4) });
    cases.set('negative offsets', { tokens: int(5, 5, 5, 5), offsets: int(0, -(2 ** 31), 4) });
    cases.set('an empty sequence', pack([[5, 5, 5], [], [5, 5, 5]]));
    cases.set('an id that is too large', pack([[5, 512, 5]]));
    cases.set('the largest id', pack([[5, 2 ** 31 - 1, 5]]));
    cases.set('a negative id', pack([[5, -1, 5]]));
    cases.set('detached arrays', { tokens: detached(), offsets: detached() });
    cases.set('detached tokens', { tokens: detached(), offsets: int(0, 2) });
    for (const worker of workers) {
      for (const [what, tokens] of cases) {
        for (const part of ['dna', 'protein'] as const) {
          assert.equal((await rejection(() => worker.embed(part, tokens, LAST_MEAN))).code, 'VNP_ARGUMENT', what);
        }
        const right = pack([[5, 6, 7]]);
        const asDna = await rejection(() => worker.run({ dna: tokens, protein: right }, { embeddings: false }));
        const asProtein = await rejection(() => worker.run({ dna: right, protein: tokens }, { embeddings: false }));
        assert.deepEqual([asDna.code, asProtein.code], ['VNP_ARGUMENT', 'VNP_ARGUMENT'], what);
      }
      const noResidue = await rejection(() => worker.embed('protein', pack([[0, 2]]), LAST_MEAN));
      assert.equal(noResidue.code, 'VNP_ARGUMENT');
      const [one, two] = [
        pack([[5, 6, 7]]),
        pack([
          [5, 6, 7],
          [5, 6, 7],
        ]),
      ];
      const counts = await rejection(() => worker.run({ dna: one, protein: two }, { embeddings: false }));
      assert.match(counts.message, /as many DNA as protein .* received 1 and 2/);
    }
  });

  it('says which part of a batch failed', async () => {
    const [sound, beyond] = [pack([[0, 5, 2]]), pack([[0, 1_000_000, 2]])];
    for (const [part, batch] of [
      ['dna', { dna: beyond, protein: sound }],
      ['protein', { dna: sound, protein: beyond }],
    ] as const) {
      await assert.rejects(workers[0]!.run(batch, { embeddings: false }), { code: 'VNP_ARGUMENT', part });
    }
  });

  it('answers wrong arguments of jobs with VNP_ARGUMENT', async () => {
    const [worker] = workers as [NativeWorker];
    const batch = { dna: pack([[5, 6, 7]]), protein: pack([[5, 6, 7]]) };
    const code = async (call: () => Promise<unknown>, what: string): Promise<void> => {
      assert.equal((await rejection(call)).code, 'VNP_ARGUMENT', what);
    };
    for (const { what, value } of spoiled(batch)) {
      await code(() => worker.run(value as never, { embeddings: false }), `run: ${what}`);
    }
    for (const { what, value } of spoiled({ tokens: batch.dna })) {
      await code(() => worker.embed('dna', value['tokens'] as never, LAST_MEAN), `embed: ${what}`);
    }
    for (const wrong of WRONG) {
      const what = describeValue(wrong);
      await code(() => worker.run(wrong as never, { embeddings: false }), what);
      await code(() => worker.run(batch, wrong as never), what);
      await code(() => worker.embed(wrong as never, batch.dna, LAST_MEAN), what);
      await code(() => worker.embed('dna', batch.dna, wrong as never), what);
      await code(() => worker.classify(wrong as never), what);
      if (typeof wrong === 'boolean') continue;
      await code(() => worker.run(batch, { embeddings: wrong as never }), what);
      await code(() => worker.embed('dna', batch.dna, { ...LAST_MEAN, layers: wrong as never }), what);
      await code(() => worker.embed('dna', batch.dna, { ...LAST_MEAN, pools: wrong as never }), what);
    }
    await code(() => worker.classify(new Float32Array(113)), 'not whole rows');
  });

  it('answers layers and pools that it cannot give with VNP_ARGUMENT, and says what it expects', async () => {
    const [packed, torchscript] = workers as [NativeWorker, NativeWorker];
    const tokens = { dna: pack([[5, 6, 7]]), protein: pack([[0, 5, 2]]) };
    const refused = async (worker: NativeWorker, options: Json, message: RegExp): Promise<void> => {
      for (const part of ['dna', 'protein'] as const) {
        const embed = () => worker.embed(part, tokens[part], { ...LAST_MEAN, ...options });
        await assert.rejects(embed, { code: 'VNP_ARGUMENT', message });
      }
    };
    await refused(packed, { layers: [0, 4] }, /^Expected layers from 0 to 3 for `layers` .* received 4$/);
    await refused(packed, { layers: [2 ** 53 - 1] }, /^Expected layers from 0 to 3 .* received 9007199254740991$/);
    await refused(packed, { layers: [2 ** 53] }, /^Expected a whole number .* `layers` but received 9007199254740992$/);
    await refused(packed, { layers: [-1] }, /^Expected a whole number from 0 to .* for `layers` but received -1$/);
    await refused(packed, { layers: [1.5] }, /^Expected a whole number .* for `layers` but received 1.5$/);
    await refused(packed, { layers: [1, 3, 1] }, /^Expected each of the `layers` once but received 1 twice$/);
    await refused(packed, { layers: [] }, /^Expected at least one of the `layers` but received none$/);
    await refused(packed, { layers: 3 }, /^Expected an array for `layers` but received 3$/);
    await refused(packed, { pools: ['mean', 'median'] }, /^Expected mean, cls, max or tokens for `pools` .* median$/);
    await refused(packed, { pools: ['cls', 'cls'] }, /^Expected each of the `pools` once but received cls twice$/);
    await refused(packed, { pools: [] }, /^Expected at least one of the `pools` but received none$/);
    await refused(packed, { pools: [3] }, /^Expected a string for `pools` but received 3$/);
    await refused(packed, { pools: 'mean' }, /^Expected an array for `pools` but received "mean"$/);
    for (const layers of [[0], [2], [2, 3]]) {
      await refused(torchscript, { layers }, /^Expected the packed engine .* received torchscript$/);
    }
    await refused(torchscript, { measure: true }, /^Expected the packed engine .* received torchscript$/);
  });

  it('gives no numbers for features that are none', async () => {
    const scores = await workers[0]!.classify(new Float32Array(112).fill(NaN));
    assert.ok(scores.length === 2 && scores.every(Number.isNaN));
  });

  it('answers wrong requests for a worker with a code', async () => {
    const { dna, protein, classifier } = installed.model;
    const parts = {
      dna: { path: dna.path, architecture: dna.architecture },
      protein: { path: protein.path, architecture: protein.architecture },
      classifier: { path: classifier.path, architecture: classifier.architecture },
    };
    const right: OpenRequest = { device: 'cpu', precision: 'fp32', threads: 1, engine: 'packed', ...parts };
    const allowed = new Set(['VNP_ARGUMENT', 'VNP_DEVICE', 'VNP_MODEL_INVALID']);
    for (const { what, value } of spoiled(right as unknown as Json)) {
      // A part may be omitted.
      if (['dna', 'protein', 'classifier'].some((part) => value[part] === undefined)) continue;
      const { code } = await rejection(() => addon.openWorker(value as never));
      assert.ok(allowed.has(code), `${what}: ${code}`);
    }
    const code = async (changes: Json): Promise<string> =>
      (await rejection(() => addon.openWorker({ ...right, ...changes }))).code;
    assert.equal(await code({ threads: 1e6 }), 'VNP_ARGUMENT');
    assert.equal(await code({ device: 'cuda:99' }), 'VNP_DEVICE');
    assert.equal(await code({ dna: parts.protein }), 'VNP_ARGUMENT');
    assert.equal(await code({ dna: { ...parts.dna, path: `${dna.path}\0.pt` } }), 'VNP_ARGUMENT');
    assert.equal(await code({ dna: { ...parts.dna, path: protein.path } }), 'VNP_MODEL_INVALID');
    assert.equal(await code({ dna: { ...parts.dna, path: join(dna.path, 'no such file') } }), 'VNP_MODEL_INVALID');
    const layers = (count: number): Json => ({
      dna: { ...parts.dna, architecture: { ...dna.architecture, layers: count } },
    });
    assert.equal(await code(layers(2 ** 24)), 'VNP_ARGUMENT');
    assert.equal(await code(layers(2)), 'VNP_MODEL_INVALID');
    assert.equal(await code(layers(4)), 'VNP_MODEL_INVALID');
    for (const wrong of WRONG) await rejection(() => addon.openWorker(wrong as never));
  });

  it('opens the parts that are asked for, and answers a call that needs another with VNP_ARGUMENT', async () => {
    const { dna, protein } = installed.model;
    const options = { device: 'cpu', precision: 'fp32', threads: 1, engine: 'packed' } as const;
    const both = await addon.openWorker({ ...options, dna, protein });
    const one = await addon.openWorker({ ...options, protein });
    try {
      assert.ok(one.weightBytes < both.weightBytes);
      const batch = pack([[0, 5, 6, 2]]);
      assert.deepEqual(await meansOf(one, 'protein', batch), await meansOf(both, 'protein', batch));
      const refused = [
        () => one.embed('dna', batch, LAST_MEAN),
        () => one.measureLinear('dna', 1),
        () => both.classify(new Float32Array(8)),
        () => both.run({ dna: batch, protein: batch }, { embeddings: false }),
      ];
      for (const call of refused) assert.equal((await rejection(call)).code, 'VNP_ARGUMENT');
    } finally {
      await Promise.all([both.close(), one.close()]);
    }
  });

  it('measures where the time of a forward goes, and the linear layers alone', async () => {
    const [packed, torchscript] = workers as [NativeWorker, NativeWorker];
    const batch = { dna: pack([[5, 6, 7], [8]]), protein: pack([[0, 5, 6, 2]]) };
    for (const part of ['dna', 'protein'] as const) {
      const { layers, width, feedForward } = installed.model[part].architecture;
      const { seconds, mean, attentionBackend } = await packed.embed(part, batch[part], {
        ...LAST_MEAN,
        measure: true,
      });
      assert.deepEqual(mean, [await meansOf(packed, part, batch[part])]);
      assert.ok(seconds!.linear > 0 && seconds!.attention > 0);
      assert.equal(attentionBackend, 'kernel');
      assert.ok(seconds!.linear + seconds!.attention < seconds!.total);
      // Query, key, value and output; up and down, and the DNA model's gate.
      const weights = layers * (4 * width ** 2 + (part === 'dna' ? 3 : 2) * width * feedForward);
      for (const rows of [1, 70]) {
        const limit = await packed.measureLinear(part, rows);
        assert.equal(limit.operations, 2 * rows * weights);
        assert.ok(limit.seconds > 0);
      }
      for (const wrong of WRONG) {
        assert.equal((await rejection(() => packed.measureLinear(part, wrong as never))).code, 'VNP_ARGUMENT');
        if (wrong === undefined || typeof wrong === 'boolean') continue;
        const options = { ...LAST_MEAN, measure: wrong as never };
        assert.equal((await rejection(() => packed.embed(part, batch[part], options))).code, 'VNP_ARGUMENT');
      }
      assert.equal((await rejection(() => torchscript.measureLinear(part, 1))).code, 'VNP_ARGUMENT');
    }
  });

  it('answers wrong architectures with VNP_ARGUMENT', () => {
    const { dna, protein, classifier } = installed.model;
    for (const { architecture } of [dna, protein, classifier]) {
      for (const { what, value } of spoiled({ ...architecture })) {
        assert.equal(thrown(() => addon.parametersOf(value as never)).code, 'VNP_ARGUMENT', what);
      }
    }
    for (const wrong of WRONG) assert.equal(thrown(() => addon.parametersOf(wrong as never)).code, 'VNP_ARGUMENT');
    const heads = thrown(() => addon.parametersOf({ ...protein.architecture, heads: 64 }));
    assert.match(heads.message, /divides the width into equal even parts/);
  });

  it('answers wrong requests for an archive with a code, and writes nothing', async () => {
    const { architecture } = installed.model.classifier;
    const folder = join(installed.models, 'archives');
    mkdirSync(folder);
    const right: ArchiveRequest = {
      path: join(folder, 'model.pt'),
      architecture,
      dtype: 'float32',
      parameters: randomParameters(architecture, 1),
      extraFiles: { 'virnucpro.json': '{}' },
    };
    // These are valid: another path, no extra files, another text in one.
    const harmless = /^(path = string .+|extraFiles = (object \[object Object\]|function)|extraFiles\..* = string.*)$/;
    for (const { what, value } of spoiled(right as unknown as Json)) {
      if (harmless.test(what)) continue;
      assert.equal((await rejection(() => addon.writeArchive(value as never))).code, 'VNP_ARGUMENT', what);
    }
    assert.deepEqual(readdirSync(folder), []);
    const missing = { ...right, path: join(folder, 'no such folder', 'model.pt') };
    assert.equal((await rejection(() => addon.writeArchive(missing))).code, 'VNP_OUTPUT');
    const first = right.parameters[0]!;
    const file = { kind: 'file', path: installed.model.classifier.path, offset: 0, dtype: 'float32', strides: [1, 1] };
    const normal = { kind: 'normal', mean: 0, standardDeviation: 1, seed: 1 };
    const spoiledParameters = [
      ...spoiled({ ...first }),
      ...spoiled({ ...first, source: file }),
      ...spoiled({ ...first, source: normal }),
      ...spoiled({ ...first, source: { kind: 'constant', value: 1 } }),
    ];
    // Some of these are valid, and meet the missing folder.
    const allowed = new Set(['VNP_ARGUMENT', 'VNP_OUTPUT', 'VNP_CHECKPOINT']);
    for (const { what, value } of spoiledParameters) {
      const parameters = [value, ...right.parameters.slice(1)] as never;
      const { code } = await rejection(() => addon.writeArchive({ ...missing, parameters }));
      assert.ok(allowed.has(code), `${what}: ${code}`);
    }
    for (const wrong of WRONG) {
      assert.equal((await rejection(() => addon.writeArchive(wrong as never))).code, 'VNP_ARGUMENT');
    }
  });

  it('answers wrong vocabularies and texts of a tokenizer with VNP_ARGUMENT', () => {
    const vocabulary = installed.model.tokenizer;
    const make = (changes: Json): NativeBytePairTokenizer => new addon.BytePairTokenizer({ ...vocabulary, ...changes });
    for (const { what, value } of spoiled({ ...vocabulary })) {
      if (what === 'wholeWords = boolean false') continue;
      assert.equal(thrown(() => make(value)).code, 'VNP_ARGUMENT', what);
    }
    for (const merges of [
      [1, 2],
      [1, 2, 512],
      [-1, 2, 3],
      [2 ** 31 - 1, 2, 3],
    ]) {
      assert.equal(thrown(() => make({ merges: Int32Array.from(merges) })).code, 'VNP_ARGUMENT');
    }
    for (const id of [512, 2 ** 31 - 1, 2 ** 31]) {
      for (const name of ['unknown', 'prefix', 'suffix']) {
        assert.equal(thrown(() => make({ [name]: id })).code, 'VNP_ARGUMENT', `${name} ${id}`);
      }
    }
    const tokenizer = make({});
    const text = Buffer.from('ACGT');
    for (const wrong of WRONG) {
      assert.equal(thrown(() => tokenizer.encode(wrong as never, Int32Array.of(0))).code, 'VNP_ARGUMENT');
      assert.equal(thrown(() => tokenizer.encode(text, wrong as never)).code, 'VNP_ARGUMENT');
    }
    for (const offsets of [
      [0, 5],
      [3, 2],
      [-1, 2],
      [0, 2 ** 31 - 1],
    ]) {
      assert.equal(
        thrown(() => tokenizer.encode(text, Int32Array.from(offsets))).code,
        'VNP_ARGUMENT',
        String(offsets),
      );
    }
    assert.deepEqual(tokenizer.encode(text, detached()), { tokens: Int32Array.of(), offsets: Int32Array.of(0) });
    assert.equal(tokenizer.encode(Uint8Array.of(0, 255, 128), Int32Array.of(0, 3)).offsets.length, 2);
  });

  it('names the kind of value that it was given', async () => {
    const [worker] = workers as [NativeWorker];
    for (const [value, words] of [
      [Symbol('s'), 'a symbol'],
      [5n, 'a bigint'],
      [{}, 'an object'],
      [[], 'an array'],
    ] as const) {
      const { message } = await rejection(() => worker.embed(value as never, pack([[1]]), LAST_MEAN));
      assert.equal(message, `Expected a string for \`part\` but received ${words}`);
    }
  });
});
