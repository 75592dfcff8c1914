// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TextEncoder } from 'node:util';
import { encodeDna, encodeProteins, joinRanges } from '../../dist/lib/batches/tokens.js';
import { goldenTensors, largestDifference } from '../../dist/lib/diagnosis/golden-tensors.js';
import { importModel } from '../../dist/lib/models/import/import-model.js';
import { PROTEIN_TOKENS } from '../../dist/lib/models/tokenizers.js';
import { loadAddon } from '../../dist/lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../dist/lib/models/registry.js';

/** @typedef {import('../../dist/lib/engine/addon.js').NativeWorker} NativeWorker */
/** @typedef {import('../../dist/lib/batches/tokens.js').PackedTokens} PackedTokens */

/**
 * The largest errors of one engine in one precision: `absolute` of any value of a mean embedding, `relative` of a mean
 * by its L2 norm, `scores` of the classifier's output for whole frames, from their letters.
 * @typedef {{ engine: string, precision: string, protein: Errors, dna: Errors, scores: number }} GoldenErrors
 * @typedef {{ absolute: number, relative: number }} Errors
 */

const golden = fileURLToPath(new URL('../../test/fixtures/golden', import.meta.url));

/** Of both golden language models. */
const LAYERS = 3;

/** @param {string[]} path */
const json = (...path) => JSON.parse(readFileSync(join(golden, ...path), 'utf8'));

/**
 * Compares the golden model on a device with the reference implementations.
 * @param {{ device: string, models: string, runs: { engine: 'packed' | 'torchscript', precision: 'fp32' | 'bf16' | 'fp16' }[] }} request
 *   models: a folder to install it in @returns {Promise<GoldenErrors[]>}
 */
export async function compareWithGolden({ device, models, runs }) {
  const { addon } = loadAddon();
  const { dna, protein, classifier, tokenizer } = await importModel({
    name: 'golden',
    protein: join(golden, 'esm2', 'esm2_t3_tiny.pt'),
    dna: join(golden, 'dnabert'),
    classifier: join(golden, 'classifier.pth'),
    chunkSize: 500,
    registry: new ModelRegistry(models),
    addon,
  });
  const frames = {
    dna: encodeDna(letters('input_identified_nucleotide.fa'), new addon.BytePairTokenizer(tokenizer)),
    protein: encodeProteins(letters('input_identified_protein.faa'), PROTEIN_TOKENS),
  };
  const scores = tensor(goldenTensors(join(golden, 'end_to_end', 'embeddings.safetensors')), 'scores');
  const errors = [];
  for (const { engine, precision } of runs) {
    const worker = await addon.openWorker({ device, precision, threads: 2, engine, dna, protein, classifier });
    try {
      errors.push({
        engine,
        precision,
        protein: await errorsOfMeans(worker, 'protein', engine),
        dna: await errorsOfMeans(worker, 'dna', engine),
        scores: largestDifference((await worker.run(frames, { embeddings: false })).scores, scores),
      });
    } finally {
      await worker.close();
    }
  }
  return errors;
}

/**
 * All sequences in one batch, and each alone, except with TorchScript, which would compile for every length.
 * @param {NativeWorker} worker @param {'dna' | 'protein'} part @param {'packed' | 'torchscript'} engine
 */
async function errorsOfMeans(worker, part, engine) {
  const folder = part === 'protein' ? 'esm2' : 'dnabert';
  const wanted = goldenTensors(join(golden, folder, 'outputs.safetensors'));
  const sequences = Object.entries(/** @type {Record<string, number[]>} */ (json(folder, 'inputs.json').tokens)).map(
    ([name, tokens]) => ({ mean: tensor(wanted, `${name}.mean`), packed: alone(tokens) }),
  );
  const together = joinRanges(sequences.map(({ packed }) => ({ packed, first: 0, last: 1 })));
  const mean = await meansOf(worker, part, together);
  const largest = { absolute: 0, relative: 0 };
  for (const [index, { mean: exact, packed }] of sequences.entries()) {
    const row = mean.subarray(index * exact.length, (index + 1) * exact.length);
    const own = engine === 'packed' ? [await meansOf(worker, part, packed)] : [];
    for (const actual of [row, ...own]) {
      largest.absolute = Math.max(largest.absolute, largestDifference(actual, exact));
      largest.relative = Math.max(largest.relative, relativeError(actual, exact));
    }
  }
  return largest;
}

/** @param {NativeWorker} worker @param {'dna' | 'protein'} part @param {PackedTokens} tokens */
async function meansOf(worker, part, tokens) {
  const { mean } = await worker.embed(part, tokens, { layers: [LAYERS], pools: ['mean'] });
  return mean?.[0] ?? new Float32Array();
}

/** @param {number[]} sequence @returns {PackedTokens} */
function alone(sequence) {
  return { tokens: Int32Array.from(sequence), offsets: Int32Array.of(0, sequence.length) };
}

/** @param {Float32Array} actual @param {Float32Array} exact */
function relativeError(actual, exact) {
  const difference = Math.hypot(...exact.map((value, index) => value - (actual[index] ?? NaN)));
  return Number.isNaN(difference) ? Infinity : difference / Math.hypot(...exact);
}

/** @param {ReturnType<typeof goldenTensors>} tensors @param {string} name */
function tensor(tensors, name) {
  const found = tensors.get(name);
  if (!found) throw new Error(`Expected ${name} among the golden values`);
  return found.values;
}

/** @param {string} file */
function letters(file) {
  return readFileSync(join(golden, 'end_to_end', file), 'latin1')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('>'))
    .map((line) => new TextEncoder().encode(line));
}
