import { flattened } from '../../lib/input/flattened.js';
import type { Pipeline } from '../../lib/predict/pipeline.js';
import type { PredictionResult } from '../../lib/scoring/results.js';

/** The results of a pipeline, as from a predictor. */
export function resultsOf(pipeline: Pipeline): AsyncIterableIterator<PredictionResult, undefined> {
  return flattened(groupsOf(pipeline));
}

/** The same, in groups. */
export async function* groupsOf(pipeline: Pipeline): AsyncGenerator<Iterable<PredictionResult>> {
  try {
    while (await pipeline.advance()) yield pipeline.settled();
  } finally {
    await pipeline.close();
  }
}
