import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readArchiveMetadata } from '../../lib/models/folder/archive.js';
import { describeModel } from '../../lib/models/library.js';
import { type OpenedModel, openModel, PART_NAMES } from '../../lib/models/folder/model-folder.js';
import { SHIPPED_DEFAULT, SHIPPED_MODELS_FOLDER } from '../../lib/models/registry.js';
import { verifyFiles } from '../../lib/models/trust/verify.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';

const MAX_BYTES = 10_000_000;
const MAX_PARAMETERS = 5_000_000;

describe(SHIPPED_DEFAULT, () => {
  const folder = join(SHIPPED_MODELS_FOLDER, SHIPPED_DEFAULT);
  let model: OpenedModel;

  before(async function () {
    if (!existsSync(folder)) return skip(this, `${SHIPPED_DEFAULT} is not in this checkout`);
    model = await openModel(folder, { shipped: true });
  });

  it('is as it was made, and of trained weights', async () => {
    await verifyFiles([model.dna, model.protein, model.classifier], { again: true });
    assert.equal(model.random, false);
    for (const part of PART_NAMES) assert.match(model[part].source.sha256!, /^[0-9a-f]{64}$/);
  });

  it('is calibrated, and has thresholds for triage of its own windows', () => {
    assert.ok(model.temperature !== undefined);
    assert.ok(model.triage.some(({ chunkSize }) => chunkSize === model.chunkSize));
  });

  it('has a card, the one of the documentation, and the same one in each archive', async () => {
    const card = readFileSync(model.card!.path, 'utf8');
    assert.match(card, /^# .+/m);
    assert.equal(card, readFileSync(join(repositoryRoot, 'docs', `${SHIPPED_DEFAULT}.md`), 'utf8'));
    for (const part of PART_NAMES) assert.equal((await readArchiveMetadata(model[part].path)).card, card, part);
  });

  it('is small, and has no file besides', async () => {
    const { files, bytes } = await describeModel(model, true);
    assert.ok(bytes < MAX_BYTES, `${bytes} bytes`);
    const parameters = PART_NAMES.reduce((sum, part) => sum + model[part].parameters, 0);
    assert.ok(parameters < MAX_PARAMETERS, `${parameters} parameters`);
    assert.deepEqual(
      files.map(({ path }) => relative(folder, path)),
      ['card.md', 'classifier/model.pt', 'dna/model.pt', 'pipeline.json', 'protein/model.pt'],
    );
  });
});
