import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import type { ManifestModel } from '../../lib/output/manifest.js';
import type { FrameScore } from '../../lib/scoring/results.js';
import type { OtherClassifier } from '../../lib/rescore/other-classifier.js';
import type { FrameName } from '../../lib/windows/open-reading-frames.js';
import { CHUNK_SIZE, type StoredRun, type WindowScores } from './stored-run.js';

/** Numbers per embedding; any two of them are the scores of some classifier. */
export const WIDTH = 3;

/** The language models' output for a window. */
export interface EmbeddedWindow {
  readonly status: 'scored' | 'failed' | 'no_frame';
  readonly frames: readonly { readonly frame: FrameName; readonly embedding: readonly number[] }[];
}

/** Two models with the same language models: the run's, and another one. */
export const RUN_MODEL = model('tiny');
export const OTHER_MODEL = model('other_1.2', {
  ...{ random: true, classifier: 'cc' },
  card: '/models of others/à; 100 %/card.md',
});

/** The temperature recorded for a model's scores. */
export function temperatureOf({ name }: ManifestModel): number {
  return name === OTHER_MODEL.name ? 1.37 : 1;
}

interface ModelChanges extends Partial<Pick<ManifestModel, 'random' | 'chunkSize' | 'card'>> {
  /** Hashes of its parts. */
  readonly dna?: string;
  readonly protein?: string;
  readonly classifier?: string;
}

export function model(
  name: string,
  { random = false, chunkSize = CHUNK_SIZE, card = null, ...hashes }: ModelChanges = {},
): ManifestModel {
  const sha256 = { dna: 'aa', protein: 'bb', classifier: name, ...hashes };
  const parts = (['dna', 'protein', 'classifier'] as const).map((role) => ({
    ...{ role, file: `${role}/model.pt`, sha256: sha256[role] },
    ...{ dtype: 'float32', architecture: { family: role } },
  }));
  return { name, random, shipped: false, card, chunkSize, parts };
}

/** The scores that a classifier gives for an embedding. */
function scoresOf(embedding: ArrayLike<number>, { name }: ManifestModel): [others: number, virus: number] {
  const [first, second] = name === RUN_MODEL.name ? [0, 1] : [2, 0];
  return [embedding[first]!, embedding[second]!];
}

/** The run of the windows with a model. */
export function embeddedRun(
  run: Pick<StoredRun, 'folder' | 'inputs' | 'stopAfter'>,
  windows: readonly EmbeddedWindow[],
  by = RUN_MODEL,
): StoredRun {
  const scores: WindowScores[] = windows.map(({ status, frames }) => ({
    status,
    frames: frames.map(({ frame, embedding }): FrameScore => {
      const [others, virus] = scoresOf(embedding, by);
      return { frame, others, virus, embedding: Float32Array.from(embedding) };
    }),
  }));
  return { ...run, scores, model: by, temperature: temperatureOf(by), saveEmbeddings: true };
}

/** Applies a model's classifier; `calls` has the number of rows of every call. */
export function otherClassifier(of = OTHER_MODEL): OtherClassifier & { readonly calls: number[] } {
  const calls: number[] = [];
  const classify = (embeddings: Float32Array): Promise<Float32Array> => {
    const rows = embeddings.length / WIDTH;
    calls.push(rows);
    const scores = Array.from({ length: rows }, (_, row) =>
      scoresOf(embeddings.subarray(row * WIDTH, (row + 1) * WIDTH), of),
    );
    return Promise.resolve(Float32Array.from(scores.flat()));
  };
  return { model: of, width: WIDTH, temperature: temperatureOf(of), classify, calls };
}

/** Every file that depends on scores. */
export function scoreFiles(folder: string, output: string): Record<string, string> {
  const classic = ['prediction_results.txt', 'prediction_results_highestscore.csv'];
  const names = ['contigs.tsv', 'windows.tsv', 'virus.fna', ...classic];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, output, name), 'utf8')]));
}
