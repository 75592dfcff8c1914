import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readArchiveMetadata } from '../../lib/models/folder/archive.js';
import { MAX_CARD } from '../../lib/models/folder/annotations.js';
import { importModel, type ImportRequest } from '../../lib/models/import/import-model.js';
import { describeModel } from '../../lib/models/library.js';
import { type OpenedModel, openModel } from '../../lib/models/folder/model-folder.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { fixture } from '../repository.js';
import { fakeAddon } from './fake-addon.js';
import { fails } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

const CARD = '# A model of ours\n\nTrained on viruses é.\n';
const TRIAGE = [
  { chunkSize: 300, othersBelow: 0.02, virusAtLeast: 0.99 },
  { chunkSize: 500, othersBelow: 0, virusAtLeast: 1 },
];

describe('a model with a card and a calibration', () => {
  const folder = temporaryFolder();
  const install = (changes: Partial<ImportRequest> = {}): Promise<OpenedModel> =>
    importModel({
      name: 'golden',
      protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
      dna: fixture('golden', 'dnabert'),
      classifier: fixture('golden', 'classifier.pth'),
      chunkSize: 500,
      registry: new ModelRegistry(join(folder.path, 'models')),
      addon: fakeAddon(),
      ...changes,
    });
  const withBoth = () =>
    install({
      card: folder.write('a-card.md', CARD),
      calibration: folder.write('calibration.json', JSON.stringify({ temperature: 1.37, triage: TRIAGE })),
    });

  it('has both when it is opened', async () => {
    const model = await withBoth();
    assert.equal(model.temperature, 1.37);
    assert.deepEqual(model.triage, TRIAGE);
    assert.deepEqual(model.card, { path: join(model.folder, 'card.md') });
    assert.equal(readFileSync(model.card.path, 'utf8'), CARD);
    const { temperature, triage, card, shipped } = await describeModel(model, true);
    assert.deepEqual({ temperature, triage, card, shipped }, { ...pick(model), shipped: false });
  });

  function pick({ temperature, triage, card }: OpenedModel) {
    return { temperature, triage, card };
  }

  it('has its card in every archive, which can be asked alone', async () => {
    const model = await withBoth();
    for (const { path } of [model.dna, model.protein, model.classifier]) {
      assert.equal((await readArchiveMetadata(path)).card, CARD);
    }
  });

  it('has neither, and the files of before, when none is given', async () => {
    const model = await install();
    assert.deepEqual(pick(model), { temperature: undefined, triage: [], card: undefined });
    assert.deepEqual(Object.keys(JSON.parse(readFileSync(join(model.folder, 'pipeline.json'), 'utf8')) as object), [
      ...['format', 'name', 'chunkSize', 'random', 'dna', 'protein', 'classifier'],
    ]);
    assert.deepEqual(readdirSync(model.folder), ['classifier', 'dna', 'pipeline.json', 'protein']);
    assert.equal((await readArchiveMetadata(model.dna.path)).card, undefined);
  });

  it('may have a temperature alone, or thresholds alone', async () => {
    const calibration = folder.write('calibration.json', '{"temperature": 2}');
    assert.deepEqual(pick(await install({ calibration })), { temperature: 2, triage: [], card: undefined });
    folder.write('calibration.json', JSON.stringify({ triage: TRIAGE }));
    const model = await install({ calibration, overwrite: true });
    assert.deepEqual(pick(model), { temperature: undefined, triage: TRIAGE, card: undefined });
  });

  const triage = (...changes: object[]): object => ({ triage: changes.map((change) => ({ ...TRIAGE[0], ...change })) });
  const wrong: [string, object | string, RegExp][] = [
    ['no JSON', '{', /^The calibration .* is /],
    ['a key twice', '{"temperature": 1, "temperature": 2}', /^The calibration .* is /],
    ['no object', '[]', /calibration\.json must be a JSON object/],
    ['nothing', {}, / has neither a temperature nor triage thresholds/],
    ['no thresholds', { triage: [] }, / has neither a temperature nor/],
    ['a misspelt name', { temperatur: 1 }, /unknown field "temperatur"\. Its fields are temperature, triage\./],
    ['a temperature of 0', { temperature: 0 }, /^temperature of .* must be a positive number/],
    ['a temperature below 0', { temperature: -1 }, /a positive number/],
    ['an infinite temperature', '{"temperature": 1e999}', /a positive number/],
    ['a temperature in words', { temperature: '1.3' }, /a positive number/],
    ['a temperature of null', { temperature: null }, /a positive number but is null/],
    ['thresholds that are no list', { triage: TRIAGE[0] }, /a list of at most 100/],
    ['too many thresholds', triage(...Array.from({ length: 101 }, (_, at) => ({ chunkSize: 3 + at }))), /at most 100/],
    ['a threshold that is no object', { triage: [0.5] }, /triage 1 of .* must be a JSON object/],
    [
      'a threshold above 1',
      triage({ virusAtLeast: 1.01 }),
      /virusAtLeast of triage 1 of .* must be a number from 0.02 to 1/,
    ],
    ['a threshold below 0', triage({ othersBelow: -0.1 }), /othersBelow of .* must be a number from 0 to 1/],
    ['thresholds that cross', triage({ othersBelow: 0.6, virusAtLeast: 0.4 }), /a number from 0.6 to 1/],
    ['a chunk size twice', triage({}, {}), /one entry for each chunk size but is \[300,300\]/],
    ['no chunk size', triage({ chunkSize: 2 }), /a whole number from 3 to 1000000/],
    [
      'an unknown field',
      triage({ virusAbove: 1 }),
      /field "virusAbove"\. Its fields are chunkSize, othersBelow, virusAtLeast\./,
    ],
    ['a missing field', triage({ virusAtLeast: undefined }), /virusAtLeast of triage 1 .* but is missing/],
  ];
  for (const [what, content, words] of wrong) {
    it(`is refused with a calibration of ${what}, and nothing is written`, async () => {
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      const calibration = folder.write('calibration.json', text);
      await fails('VNP_CHECKPOINT', words, () => install({ calibration }));
      assert.deepEqual(readdirSync(folder.path), ['calibration.json']);
    });
  }

  it('is refused with a card that is no text, or a file that cannot be read', async () => {
    const card = (bytes: string | Uint8Array) => ({ card: folder.write('a-card.md', bytes) });
    await fails('VNP_CHECKPOINT', / is not UTF-8 text/, () => install(card(Uint8Array.of(0x23, 0xff))));
    await fails('VNP_CHECKPOINT', /\\u0000/, () => install(card('# A\0')));
    await fails('VNP_CHECKPOINT', /\\u001b/, () => install(card('# A\u001b[2J')));
    await fails('VNP_CHECKPOINT', /^The model card .* is empty/, () => install(card(' \n')));
    await fails('VNP_USAGE', /at most 1000000 bytes for `card` .*1000001 bytes/, () =>
      install(card('x'.repeat(MAX_CARD + 1))),
    );
    await fails('VNP_USAGE', /`card` .*something other than a file/, () => install({ card: folder.path }));
    await fails('VNP_USAGE', /`card` .*ENOENT/, () => install({ card: join(folder.path, 'none.md') }));
    await fails('VNP_USAGE', /`calibration` .*ENOENT/, () => install({ calibration: join(folder.path, 'none.json') }));
    assert.deepEqual(readdirSync(folder.path), ['a-card.md']);
  });

  it('is refused when its pipeline.json says of them what cannot be', async () => {
    const { folder: place, card } = await withBoth();
    const path = join(place, 'pipeline.json');
    const before = JSON.parse(readFileSync(path, 'utf8')) as object;
    const refuses = async (change: object, words: RegExp): Promise<void> => {
      writeFileSync(path, JSON.stringify({ ...before, ...change }));
      await fails('VNP_MODEL_INVALID', words, () => openModel(place));
    };
    await refuses({ temperature: 0 }, /^temperature of .*pipeline\.json must be a positive number/);
    await refuses({ triage: {} }, /^triage of .* must be a list of at most 100/);
    await refuses({ card: '../card.md' }, /^card of .* is not the path of a file in the folder/);
    await refuses({ card: '/etc/passwd' }, / is not the path of a file in the folder/);
    await refuses({ card: 7 }, /^card of .* must be a string/);
    await refuses({ card: 'none.md' }, /^The model card .*ENOENT/);
    await refuses({ card: 'dna' }, /something other than a file/);
    rmSync(card!.path);
    symlinkSync('/etc/hostname', card!.path);
    await refuses({}, /card\.md is not a readable file .*: something other than a file/);
    rmSync(card!.path);
    writeFileSync(card!.path, 'x'.repeat(MAX_CARD + 1));
    await refuses({}, /1000001 bytes/);
  });
});
