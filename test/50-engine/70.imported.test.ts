import assert from 'node:assert/strict';
import { encodeDna, encodeProteins } from '../../lib/batches/tokens.js';
import type { BatchResult } from '../../lib/engine/addon.js';
import { importModel } from '../../lib/models/import/import-model.js';
import type { ImportRequest } from '../../lib/models/import/import-model.js';
import { PROTEIN_TOKENS } from '../../lib/models/tokenizers.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { installGoldenModel, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { largestDifference } from '../safetensors.js';

type Sources = Pick<ImportRequest, 'protein' | 'dna' | 'classifier'>;

const golden: Sources = {
  protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
  dna: fixture('golden', 'dnabert'),
  classifier: fixture('golden', 'classifier.pth'),
};

const others: [string, Partial<Sources>][] = [
  ['the safetensors of ESM-2', { protein: fixture('golden', 'esm2', 'hf') }],
  ['the pytorch_model.bin of ESM-2', { protein: fixture('golden', 'esm2', 'hf', 'pytorch_model.bin') }],
  ['the pytorch_model.bin of DNABERT', { dna: fixture('golden', 'dnabert', 'pytorch_model.bin') }],
  ['the older file of the classifier', { classifier: fixture('golden', 'classifier_legacy.pth') }],
];

describe('a model imported from', () => {
  let installed: InstalledModel;
  let expected: BatchResult;

  const score = async (sources: Sources): Promise<BatchResult> => {
    const { addon } = loadAddon();
    const registry = new ModelRegistry(installed.models);
    const model = await importModel({ name: 'other', chunkSize: 500, overwrite: true, registry, addon, ...sources });
    const worker = await openOnCpu(model);
    const tokenizer = new addon.BytePairTokenizer(model.tokenizer);
    const dna = ['ACGTACGGATTACA', 'TTGACCAGGATCCATGACGTTGACCA', 'ACGTNNACGT'].map((text) => Buffer.from(text));
    const proteins = ['MKVLA', 'MAPLETXRWY', 'ACDEFGHIKLMNPQRSTVWY'].map((text) => Buffer.from(text));
    const batch = { dna: encodeDna(dna, tokenizer), protein: encodeProteins(proteins, PROTEIN_TOKENS) };
    const result = await worker.run(batch, { embeddings: true });
    await worker.close();
    return result;
  };

  before(async () => {
    installed = await installGoldenModel();
    expected = await score(golden);
  });
  after(() => installed.remove());

  for (const [what, sources] of others) {
    it(`${what} gives the same numbers`, async () => {
      const { scores, embeddings } = await score({ ...golden, ...sources });
      assert.ok(largestDifference(scores, expected.scores) <= 1e-6);
      assert.ok(largestDifference(embeddings!, expected.embeddings!) <= 1e-6);
    });
  }
});
