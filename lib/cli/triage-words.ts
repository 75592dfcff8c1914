import { expected } from '../errors.js';
import { inspectTriage } from '../index.js';
import type { InspectedModel, InspectedTriage, TriageChoice } from '../index.js';
import type { PredictCommandOptions } from './predict-options.js';

/** The triage that the options ask for, if they do. */
export function triageChoice({
  triage,
  triageOthersBelow,
  triageVirusAtLeast,
}: PredictCommandOptions): TriageChoice | undefined {
  if (triage === undefined) return undefined;
  return {
    model: triage,
    ...(triageOthersBelow !== undefined && { othersBelow: triageOthersBelow }),
    ...(triageVirusAtLeast !== undefined && { virusAtLeast: triageVirusAtLeast }),
  };
}

/**
 * Looks whether the triage that the options ask for, if they do, can be done before this model.
 * @throws VirnucproError VNP_USAGE for options that do not go together, and as `inspectTriage` does
 */
export async function triageOf(
  words: PredictCommandOptions,
  model: InspectedModel,
): Promise<InspectedTriage | undefined> {
  const choice = triageChoice(words);
  if (choice) {
    if (words.saveEmbeddings) {
      const next = 'The embeddings of the windows that it decides would be of another model: leave one of them out';
      throw expected('VNP_USAGE', 'no --save-embeddings', '--triage', 'it', next);
    }
    return inspectTriage(choice, model.name, { models: words.models, trust: words.trust ?? false });
  }
  const { triageOthersBelow, triageVirusAtLeast } = words;
  if (triageOthersBelow === undefined && triageVirusAtLeast === undefined) return undefined;
  const option = triageOthersBelow === undefined ? '--triage-virus-at-least' : '--triage-others-below';
  throw expected('VNP_USAGE', '--triage <name>', option, 'none', 'Say which model is to do the triage');
}
