import { checkJournal, packageVersion, PRECISIONS } from '../index.js';
import type { InspectedModel } from '../index.js';
import type { PredictWords } from './predict-options.js';

/**
 * The options of a run that goes on from a journal: those that decide numbers and were not given are the ones that it was
 * begun with, whatever this machine would have chosen.
 *
 * @throws VirnucproError VNP_RESUME naming what differs from what is given, VNP_OUTPUT
 */
export async function resumedOptions(
  words: PredictWords,
  { chunkSize, parts }: InspectedModel,
  journal: string,
): Promise<PredictWords> {
  const { precision, engine, esmBatchSize, dnabertBatchSize, saveEmbeddings } = words;
  const hashes = Object.fromEntries(parts.map(({ part, sha256 }) => [part, sha256]));
  const begun = await checkJournal(journal, {
    ...hashes,
    ...{ virnucpro: packageVersion, chunkSize, engine },
    ...(precision !== 'auto' && { precision }),
    ...(esmBatchSize !== undefined && { esmBatchTokens: esmBatchSize }),
    ...(dnabertBatchSize !== undefined && { dnabertBatchTokens: dnabertBatchSize }),
    ...(saveEmbeddings !== undefined && { embeddings: saveEmbeddings }),
  });
  if (!begun) return words;
  return {
    ...words,
    esmBatchSize: begun.esmBatchTokens,
    dnabertBatchSize: begun.dnabertBatchTokens,
    saveEmbeddings: begun.embeddings,
    precision: PRECISIONS.find((one) => one === begun.precision) ?? precision,
  };
}
