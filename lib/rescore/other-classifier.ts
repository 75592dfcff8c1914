import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import { EMBEDDINGS, HIGHEST_SCORE, PREDICTION_RESULTS, RUN_MANIFEST } from '../output/files.js';
import type { ManifestModel, RunManifest } from '../output/manifest.js';

/** @param embeddings [rows, width], overwritten once the promise has resolved @returns [rows, 2]: others, virus */
export type Classify = (embeddings: Float32Array) => Promise<Float32Array>;

/** The classifier of another model, for a run's stored embeddings. */
export interface OtherClassifier {
  /** What run.json will say about the model; its language models must be those of the run. */
  readonly model: ManifestModel;
  /** Numbers in an embedding that it reads: the widths of both language models together. */
  readonly width: number;
  /** Of the scores that it gives: softmax(logits / temperature), 1 if they are not calibrated. */
  readonly temperature: number;
  /** One call at a time. */
  readonly classify: Classify;
}

/** The only format that is read. */
const EMBEDDINGS_FORMAT = 'f32';

/** The files needed to apply another classifier. */
const NEEDED_FILES = [PREDICTION_RESULTS, HIGHEST_SCORE, EMBEDDINGS].map(({ name }) => name);

/**
 * Refuses a classifier that does not fit this run's embeddings.
 *
 * @throws VirnucproError VNP_RESUME for a model with another chunk size or other language models, VNP_OUTPUT if the run
 *   used triage, or has no embeddings, or not as many as it says
 */
export function checkClassifier(directory: string, earlier: RunManifest, { model, width }: OtherClassifier): void {
  const { name, chunkSize, parts } = model;
  if (earlier.triage) {
    throw new VirnucproError(
      'VNP_OUTPUT',
      `${directory} holds a run with triage by ${earlier.triage.model.name}. Two models have decided its windows: ` +
        'predict again without `triage`, with `embeddings: true`',
    );
  }
  const next = `Its classifier can be applied to embeddings of its own language models: name a model that shares those of ${earlier.model.name}`;
  const refuse = (former: string, present: string): VirnucproError =>
    new VirnucproError('VNP_RESUME', `The run used ${former}, but the model ${name} has ${present}. ${next}`);
  if (chunkSize !== earlier.model.chunkSize) {
    throw refuse(`windows of ${earlier.model.chunkSize} bases`, `windows of ${chunkSize}`);
  }
  for (const part of ['dna', 'protein'] as const) {
    const [known, own] = [earlier.model.parts, parts].map((all) => all.find(({ role }) => role === part)?.sha256);
    if (known === undefined || known !== own) {
      throw refuse(
        `a ${part} part with the SHA-256 ${known ?? '(none)'}`,
        own === undefined ? 'none' : `one with ${own}`,
      );
    }
  }
  const embeddings = earlier.files.find((file) => file.name === EMBEDDINGS.name);
  const missing = NEEDED_FILES.find((needed) => earlier.files.every((file) => file.name !== needed));
  if (embeddings === undefined || missing !== undefined) throw withoutFile(directory, earlier, missing!);
  const bytes = earlier.counts.framesScored * width * Float32Array.BYTES_PER_ELEMENT;
  if (embeddings.bytes === bytes) return;
  throw new VirnucproError(
    'VNP_OUTPUT',
    `${join(directory, EMBEDDINGS.name)} has ${embeddings.bytes} bytes, as run.json says, but ` +
      `${earlier.counts.framesScored} frames of ${width} numbers need ${bytes}. Predict again with \`embeddings: true\``,
  );
}

function withoutFile(directory: string, { parameters }: RunManifest, missing: string): VirnucproError {
  const message = `${join(directory, RUN_MANIFEST.name)} has no ${missing} among its files. ${nextFor(parameters)}`;
  return new VirnucproError('VNP_OUTPUT', message);
}

function nextFor({ saveEmbeddings, embeddingsFormat }: RunManifest['parameters']): string {
  if (typeof embeddingsFormat === 'string' && embeddingsFormat !== EMBEDDINGS_FORMAT) {
    return `Its embeddings are in the format ${embeddingsFormat}: predict again with \`embeddings: true\` alone`;
  }
  return saveEmbeddings === true
    ? 'These results were written by an earlier rescore: name the directory of the run itself'
    : 'Another classifier needs the embeddings of the frames: predict again with `embeddings: true`';
}
