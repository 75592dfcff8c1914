import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describeModel } from '../../lib/models/library.js';
import { openModel } from '../../lib/models/folder/model-folder.js';
import { randomModel } from '../../lib/models/random/random-model.js';
import { checkModelName, ModelRegistry, modelsFolder } from '../../lib/models/registry.js';
import { failingAddon, fakeAddon, type ArchiveWriter } from './fake-addon.js';
import { fails } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

type Json = Record<string, unknown>;

function suite() {
  const folder = temporaryFolder();
  return {
    folder,
    // Without the shipped models.
    registry: (): ModelRegistry => new ModelRegistry(join(folder.path, 'models'), join(folder.path, 'shipped')),
    install: (name: string, options: { overwrite?: boolean; seed?: number; addon?: ArchiveWriter } = {}) => {
      const { overwrite = false, seed = 1, addon = fakeAddon() } = options;
      const registry = new ModelRegistry(join(folder.path, 'models'));
      return randomModel({ name, protein: 'esm2_tiny', dna: 'dnabert_tiny', seed, registry, addon, overwrite });
    },
  };
}

describe('the folder of models', () => {
  it('is the option, else the variable, else XDG, else the home folder', () => {
    const environment = { VIRNUCPRO_MODELS: '/v', XDG_DATA_HOME: '/x', HOME: '/h' };
    assert.equal(modelsFolder('/o', environment), '/o');
    assert.equal(modelsFolder(undefined, environment), '/v');
    assert.equal(modelsFolder(undefined, { ...environment, VIRNUCPRO_MODELS: '' }), '/x/virnucpro/models');
    assert.equal(modelsFolder(undefined, { HOME: '/h' }), '/h/.local/share/virnucpro/models');
    assert.equal(modelsFolder(undefined, {}), join(homedir(), '.local/share/virnucpro/models'));
  });
});

describe('names of models', () => {
  it('are plain names of folders', async () => {
    for (const name of ['a', 'virnucpro-500', 'A_b.c-1', 'x'.repeat(64)]) checkModelName(name);
    for (const name of ['', '.', '..', '.hidden', 'a/b', '../a', 'a b', 'ä', 'a\0', 'a\n', 'x'.repeat(65)]) {
      await fails('VNP_USAGE', /at most 64 letters/, () => checkModelName(name));
    }
  });

  it('never leave the folder of models', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '\0', '~') }), (name) => {
        try {
          checkModelName(name);
        } catch {
          return;
        }
        assert.equal(join('/models', name), `/models/${name}`);
        assert.ok(!name.includes('/') && name !== '..' && name !== '.');
      }),
    );
  });
});

describe('installed models', () => {
  const { folder, registry, install } = suite();

  it('are none where there is no folder', async () => {
    assert.deepEqual(await registry().list(), []);
    await fails('VNP_MODEL_MISSING', /^No model is installed in .*\. Import the published weights/, () =>
      registry().find(),
    );
    await fails('VNP_MODEL_MISSING', /^The model a is not installed in .*; none is installed/, () =>
      registry().find('a'),
    );
  });

  it('are listed, and found by name, or as the only one', async () => {
    await install('b');
    assert.equal((await registry().find()).name, 'b');
    await install('a');
    assert.deepEqual(await registry().list(), ['a', 'b']);
    assert.equal((await registry().find('a')).name, 'a');
    await fails('VNP_MODEL_MISSING', /^The model c is not .*; available: a, b/, () => registry().find('c'));
    await fails('VNP_MODEL_MISSING', /^Several models are installed .* available: a, b/, () => registry().find());
    await fails('VNP_USAGE', /at most 64 letters/, () => registry().find('../a'));
  });

  it('are removed', async () => {
    await install('a');
    await registry().remove('a');
    assert.deepEqual(readdirSync(registry().folder), ['.trusted']);
    await fails('VNP_MODEL_MISSING', /^The model a is not .*; none/, () => registry().remove('a'));
  });

  it('are replaced only when that is asked for', async () => {
    const first = await install('a', { seed: 1 });
    await fails('VNP_USAGE', /^The model a already exists/, () => install('a', { seed: 2 }));
    assert.deepEqual(await openModel(first.folder), first);
    const second = await install('a', { seed: 2, overwrite: true });
    assert.notEqual(second.dna.sha256, first.dna.sha256);
    assert.deepEqual(readdirSync(registry().folder), ['.trusted', 'a']);
  });

  for (const part of [1, 2, 3]) {
    it(`are as they were when archive ${part} of a new one fails`, async () => {
      const before = await install('a');
      for (const name of ['a', 'b']) {
        await assert.rejects(install(name, { overwrite: true, addon: failingAddon(part) }), /no space left/);
      }
      assert.deepEqual(readdirSync(registry().folder), ['.trusted', 'a']);
      assert.deepEqual(await registry().find(), before);
    });
  }

  it('are as they were when an archive is not what it should be', async () => {
    const wrong = { writeArchive: async ({ path }: { path: string }) => writeFileSync(path, 'not an archive') };
    await fails('VNP_MODEL_INVALID', /archive/, () => install('a', { addon: wrong }));
    assert.deepEqual(readdirSync(registry().folder), []);
  });

  it('do not include what a killed import left, which a later one deletes', async () => {
    await install('a');
    const leftovers = [
      '.b.incoming-0123456789ab',
      '.a.replaced-0123456789ab',
      '.c.replaced-0123456789ab',
      '.b.incoming-ff',
    ];
    for (const name of leftovers) {
      mkdirSync(join(registry().folder, name));
      writeFileSync(join(registry().folder, name, 'pipeline.json'), '{}');
      if (!name.endsWith('-ff')) utimesSync(join(registry().folder, name), 0, 0);
    }
    assert.deepEqual(await registry().list(), ['a']);
    await install('d');
    assert.deepEqual(readdirSync(registry().folder), [
      ...['.b.incoming-ff', '.c.replaced-0123456789ab', '.trusted', 'a', 'd'],
    ]);
  });

  it('cannot be written where the folder cannot be', async () => {
    folder.write('models', 'a file');
    await fails('VNP_MODEL_MISSING', /folder of the installed models cannot be read/, () => registry().list());
    await fails('VNP_OUTPUT', /^Cannot write a model/, () => install('a'));
    folder.write('taken', 'a file');
    await fails('VNP_OUTPUT', /^Cannot write a model/, () =>
      new ModelRegistry(join(folder.path, 'taken', 'models')).install('a', false, async () => {}),
    );
  });
});

describe('a model that is opened', () => {
  const { install } = suite();

  const rewrite = (path: string, change: (pipeline: Json) => Json): void =>
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Json)));

  it('says all that a run needs', async () => {
    const model = await install('a');
    assert.equal(model.chunkSize, 500);
    assert.equal(model.random, true);
    assert.equal(model.dna.architecture.width + model.protein.architecture.width, model.classifier.architecture.inputs);
    assert.equal(model.tokenizer.tokens.length, 512);
    for (const { path, bytes } of [model.dna, model.protein, model.classifier]) {
      assert.equal(readFileSync(path).length, bytes);
    }
  });

  it('is the same after its folder was renamed or moved', async () => {
    const model = await install('a');
    assert.equal((await openModel(`${model.folder}/../a`)).name, 'a');
  });

  it('can be inspected', async () => {
    const model = await install('a');
    const inspected = await describeModel(model, true);
    assert.equal(inspected.trusted, true);
    assert.deepEqual(
      inspected.parts.map(({ part, family, dtype, source, sourceSha256 }) => [
        part,
        family,
        dtype,
        source,
        sourceSha256,
      ]),
      [
        ['dna', 'dnabert2', 'float32', 'dnabert_tiny', null],
        ['protein', 'esm2', 'float32', 'esm2_tiny', null],
        ['classifier', 'classifier', 'float32', 'random classifier', null],
      ],
    );
    assert.equal(inspected.files.length, 4);
    assert.deepEqual(JSON.parse(JSON.stringify(inspected)), inspected);
  });

  const damages: [string, RegExp, (pipeline: Json) => unknown][] = [
    ['another format', /format of .* must be 1 but is 2/, (pipeline) => ({ ...pipeline, format: 2 })],
    ['no chunk size', /chunkSize .* is missing/, ({ chunkSize: _, ...rest }) => rest],
    ['a chunk size that is no number', /chunkSize/, (pipeline) => ({ ...pipeline, chunkSize: '500' })],
    ['no flag for random weights', /random of .* must be true or false/, (pipeline) => ({ ...pipeline, random: 1 })],
    ['no classifier', /classifier of .* must be a JSON object/, (pipeline) => ({ ...pipeline, classifier: null })],
    [
      'an archive elsewhere',
      /path of a file in the folder/,
      (pipeline) => ({ ...pipeline, dna: { ...(pipeline['dna'] as Json), archive: '../x' } }),
    ],
    [
      'an archive at the root',
      /path of a file in the folder/,
      (pipeline) => ({ ...pipeline, dna: { ...(pipeline['dna'] as Json), archive: '/etc/passwd' } }),
    ],
    [
      'an archive that is missing',
      /^The archive .*gone.* cannot be read/,
      (pipeline) => ({ ...pipeline, dna: { ...(pipeline['dna'] as Json), archive: 'dna/gone.pt' } }),
    ],
    [
      'another size',
      /^The archive .* has \d+ bytes instead of 1\. /,
      (pipeline) => ({ ...pipeline, dna: { ...(pipeline['dna'] as Json), bytes: 1 } }),
    ],
    ['no hash', /a SHA-256/, (pipeline) => ({ ...pipeline, dna: { ...(pipeline['dna'] as Json), sha256: 'x' } })],
    [
      'parts exchanged',
      /^The archive .* is for esm2: it is not a DNABERT archive/,
      (pipeline) => ({ ...pipeline, dna: pipeline['protein'] }),
    ],
    ['text that is no object', /a JSON object/, () => []],
  ];
  for (const [what, words, change] of damages) {
    it(`is refused with ${what}`, async () => {
      const { folder } = await install('a');
      rewrite(join(folder, 'pipeline.json'), change as (pipeline: Json) => Json);
      await fails('VNP_MODEL_INVALID', words, () => openModel(folder));
    });
  }

  it('is refused when a file is missing or damaged', async () => {
    const { folder, dna } = await install('a');
    await fails(
      'VNP_MODEL_MISSING',
      /^The model folder .* has no readable pipeline\.json: .*virnucpro models import/,
      () => openModel(join(folder, 'dna')),
    );
    const bytes = readFileSync(dna.path);
    writeFileSync(dna.path, Buffer.alloc(bytes.length));
    await fails('VNP_MODEL_INVALID', /The archive .* Import the model again/, () => openModel(folder));
    writeFileSync(join(folder, 'pipeline.json'), '{');
    await fails('VNP_MODEL_INVALID', /is not valid JSON/, () => openModel(folder));
    assert.ok(existsSync(folder));
  });

  it('is refused when what its archives say is damaged, or does not fit', async () => {
    const { folder, protein } = await install('a');
    const original = readFileSync(protein.path);
    const changes: [string, string, RegExp][] = [
      ['"width": 64', '"width": 65', /^The classifier in .* has 128 inputs, .* 129 values|65/],
      ['"layers": 2', '"layers": 0', /layers of architecture/],
      ['"dtype": "float32"', '"dtype": "float99"', /"float32" or "float16"/],
      ['"format": 1', '"format": 7', /format of .* must be 1/],
      ['"family": "esm2"', '"family": "esm9"', /family of .* must be /],
      ['"random": true', '"random": null', /true or false/],
      ['virnucpro.json', 'virnucpro.jsoX', /was not written by virnucpro/],
    ];
    for (const [text, other, words] of changes) {
      const damaged = Buffer.from(original.toString('latin1').replaceAll(text, other), 'latin1');
      assert.ok(!damaged.equals(original), text);
      writeFileSync(protein.path, damaged);
      await fails('VNP_MODEL_INVALID', words, () => openModel(folder));
    }
  });
});
