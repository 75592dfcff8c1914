/**
 * Opens one layer each of ESM-2 650M and DNABERT-S and runs a batch, and reports when it has opened:
 * node wide-model-process.js FOLDER PRECISION ENGINE.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture, ModelPart, OpenRequest, Precision } from '../../lib/engine/addon.js';
import { DNABERT_SIZES, ESM2_SIZES } from '../../lib/models/random/published-sizes.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { randomBatch } from './token-sequences.js';

const FRAMES = 4;
const TOKENS = 130;

const [folder, precision, engine] = process.argv.slice(2) as [string, Precision, OpenRequest['engine']];
const { addon } = loadAddon();

async function random<A extends Architecture>(architecture: A): Promise<ModelPart<A>> {
  const path = join(folder, `${architecture.family}-${precision}-${engine}.pt`);
  const parameters = randomParameters(architecture, 1);
  await addon.writeArchive({ path, architecture, dtype: 'bfloat16', parameters, extraFiles: {} });
  return { path, architecture };
}

const dna = await random({ ...DNABERT_SIZES.get('dnabert_s')!.architecture, layers: 1 });
const protein = await random({ ...ESM2_SIZES.get('esm2_t33_650M_UR50D')!.architecture, layers: 1 });
const inputs = dna.architecture.width + protein.architecture.width;
const classifier = await random({ family: 'classifier', inputs, hidden: 512, batchNormEpsilon: 1e-5 } as const);
const worker = await addon.openWorker({ device: 'cpu', precision, threads: 2, engine, dna, protein, classifier });
writeSync(1, 'OPENED\n');
const lengths = Array.from({ length: FRAMES }, () => TOKENS);
await worker.run({ dna: randomBatch('dna', lengths), protein: randomBatch('protein', lengths) }, { embeddings: false });
await worker.close();
