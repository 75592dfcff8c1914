import { checkJournal, NO_TRIAGE, packageVersion, PRECISIONS } from '../index.js';
import type { InspectedModel, InspectedTriage } from '../index.js';
import type { PredictCommandOptions } from './predict-options.js';

/** What is known of a run before its journal is read. */
export interface BegunRun {
  readonly model: InspectedModel;
  /** As far as the options ask for it. */
  readonly triage: InspectedTriage | undefined;
  /** Path of its journal. */
  readonly journal: string;
}

/**
 * The options of a run that goes on from a journal: those that decide numbers and were not given are the ones that it was
 * begun with, whatever this machine would have chosen.
 *
 * @throws VirnucproError VNP_RESUME naming what differs from what is given, VNP_OUTPUT
 */
export async function resumedOptions(
  words: PredictCommandOptions,
  { model, triage, journal }: BegunRun,
): Promise<PredictCommandOptions> {
  const { precision, engine, esmBatchSize, dnabertBatchSize, saveEmbeddings } = words;
  const { chunkSize, parts } = model;
  const hashes = Object.fromEntries(parts.map(({ part, sha256 }) => [part, sha256]));
  const begun = await checkJournal(journal, {
    ...hashes,
    ...{ virnucpro: packageVersion, chunkSize, engine },
    ...(precision !== 'auto' && { precision }),
    ...(esmBatchSize !== undefined && { esmBatchTokens: esmBatchSize }),
    ...(dnabertBatchSize !== undefined && { dnabertBatchTokens: dnabertBatchSize }),
    ...(saveEmbeddings !== undefined && { embeddings: saveEmbeddings }),
    ...triage?.key,
  });
  if (!begun) return words;
  return {
    ...words,
    esmBatchSize: begun.esmBatchTokens,
    dnabertBatchSize: begun.dnabertBatchTokens,
    saveEmbeddings: begun.embeddings,
    ...(begun.triage !== NO_TRIAGE && {
      // A model may be called something else by now.
      triage: words.triage ?? begun.triageModel,
      triageOthersBelow: begun.triageOthersBelow,
      triageVirusAtLeast: begun.triageVirusAtLeast,
    }),
    precision: PRECISIONS.find((one) => one === begun.precision) ?? precision,
  };
}
