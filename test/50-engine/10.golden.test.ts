import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { encodeDna, encodeProteins } from '../../lib/batches/tokens.js';
import type { NativeWorker } from '../../lib/engine/addon.js';
import { PROTEIN_TOKENS } from '../../lib/models/tokenizers.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { GOLDEN_LAYERS, installGoldenModel, meansOf, openOnCpu, pack } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { goldenTensors, largestDifference } from '../safetensors.js';
import { pooledOf } from './pooled-states.js';

/** Maximum difference of float32 results from the reference implementations. */
const TOLERANCE = 1e-5;
/** In tokens: of longer sequences only the mean is among the golden values. */
const LONGEST_WITH_LAYERS = 55;

interface GoldenInputs {
  sequences: Record<string, string>;
  tokens: Record<string, number[]>;
}

function json(...path: string[]): unknown {
  return JSON.parse(readFileSync(fixture('golden', ...path), 'utf8'));
}

describe('the engine against the reference implementations', () => {
  let installed: InstalledModel;
  let worker: NativeWorker;

  before(async () => {
    installed = await installGoldenModel();
    worker = await openOnCpu(installed.model);
  });
  after(async () => {
    await worker.close();
    installed.remove();
  });

  it('tokenizes the 236 DNA texts as the tokenizers library does', () => {
    const tokenizer = new (loadAddon().addon.BytePairTokenizer)(installed.model.tokenizer);
    const cases = json('dnabert', 'tokenizer_cases.json') as { text: string; ids: number[] }[];
    assert.equal(cases.length, 236);
    const { tokens, offsets } = encodeDna(
      cases.map(({ text }) => Buffer.from(text)),
      tokenizer,
    );
    cases.forEach(({ text, ids }, index) => {
      assert.deepEqual([...tokens.subarray(offsets[index], offsets[index + 1])], ids, text);
    });
  });

  it('tokenizes proteins as fair-esm does', () => {
    const { sequences, tokens } = json('esm2', 'inputs.json') as GoldenInputs;
    for (const [name, sequence] of Object.entries(sequences)) {
      assert.deepEqual([...encodeProteins([Buffer.from(sequence)], PROTEIN_TOKENS).tokens], tokens[name], name);
    }
  });

  for (const { part, folder, firstLayer } of [
    { part: 'protein', folder: 'esm2', firstLayer: 0 },
    { part: 'dna', folder: 'dnabert', firstLayer: 1 },
  ] as const) {
    const { tokens } = json(folder, 'inputs.json') as GoldenInputs;
    const golden = goldenTensors(fixture('golden', folder, 'outputs.safetensors'));

    for (const [name, sequence] of Object.entries(tokens)) {
      it(`gives the golden mean of ${folder} ${name}, and every layer, pooled and not`, async () => {
        const layers = Array.from({ length: GOLDEN_LAYERS + 1 }, (_, layer) => layer);
        const states = await worker.embed(part, pack([sequence]), { layers, pools: ['mean', 'cls', 'max', 'tokens'] });
        const mean = largestDifference(states.mean![GOLDEN_LAYERS]!, golden.get(`${name}.mean`)!.values);
        assert.ok(mean <= TOLERANCE, `mean differs by ${mean}`);
        let compared = 0;
        for (let layer = firstLayer; golden.has(`${name}.layer${layer}`); layer++, compared++) {
          const { values } = golden.get(`${name}.layer${layer}`)!;
          const expected = { ...pooledOf(part, values, sequence.length), tokens: values };
          for (const pool of ['mean', 'cls', 'max', 'tokens'] as const) {
            assert.equal(states[pool]!.length, layers.length);
            const away = largestDifference(states[pool]![layer]!, expected[pool]);
            assert.ok(away <= TOLERANCE, `${pool} of layer ${layer} differs by ${away}`);
          }
        }
        const hasLayers = sequence.length <= LONGEST_WITH_LAYERS;
        assert.equal(compared, hasLayers ? GOLDEN_LAYERS + 1 - firstLayer : 0);
      });
    }

    it(`gives every ${folder} sequence in one packed batch what it gets alone`, async () => {
      const names = Object.keys(tokens);
      const mean = await meansOf(worker, part, pack(names.map((name) => tokens[name]!)));
      const width = mean.length / names.length;
      names.forEach((name, index) => {
        const row = mean.subarray(index * width, (index + 1) * width);
        const difference = largestDifference(row, golden.get(`${name}.mean`)!.values);
        assert.ok(difference <= TOLERANCE, `${name} differs by ${difference}`);
      });
    });
  }

  it('gives the golden scores of the classifier, and of whole frames from their letters', async () => {
    const golden = goldenTensors(fixture('golden', 'end_to_end', 'embeddings.safetensors'));
    const [dna, protein, scores] = ['dna', 'protein', 'scores'].map((name) => golden.get(name)!) as [
      { shape: number[]; values: Float32Array },
      { shape: number[]; values: Float32Array },
      { shape: number[]; values: Float32Array },
    ];
    const rows = scores.shape[0]!;
    const features: number[] = [];
    for (let row = 0; row < rows; row++) {
      for (const { shape, values } of [dna, protein]) {
        features.push(...values.subarray(row * shape[1]!, (row + 1) * shape[1]!));
      }
    }
    const classified = largestDifference(await worker.classify(Float32Array.from(features)), scores.values);
    assert.ok(classified <= TOLERANCE, `scores differ by ${classified}`);

    const letters = (file: string): Buffer[] =>
      readFileSync(fixture('golden', 'end_to_end', file), 'latin1')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('>'))
        .map((line) => Buffer.from(line));
    const tokenizer = new (loadAddon().addon.BytePairTokenizer)(installed.model.tokenizer);
    const batch = {
      dna: encodeDna(letters('input_identified_nucleotide.fa'), tokenizer),
      protein: encodeProteins(letters('input_identified_protein.faa'), PROTEIN_TOKENS),
    };
    const result = await worker.run(batch, { embeddings: true });
    const embedded = largestDifference(result.embeddings!, features);
    assert.ok(embedded <= TOLERANCE, `embeddings differ by ${embedded}`);
    const scored = largestDifference(result.scores, scores.values);
    assert.ok(scored <= TOLERANCE, `scores differ by ${scored}`);
  });
});
