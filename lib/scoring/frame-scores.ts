/** The temperature that leaves scores as the classifier gives them. */
export const UNCALIBRATED = 1;

/** How far the nearest float32 is from 1; scores closer to 0 or 1 count as this far away. */
const MIN_DISTANCE = 2 ** -24;

/**
 * The scores of a frame at another temperature: softmax(logits / temperature), computed from softmax(logits). Neither
 * which of the two is greater nor the order of frames changes; scores that differ only by rounding may become equal.
 *
 * @param others float32, 0 to 1, like `virus`; they are not both 0
 * @param temperature above 0; above 1 it moves scores towards the middle, below 1 away from it
 * @returns others, virus: float32, 0 to 1
 */
export function calibrated(others: number, virus: number, temperature: number): readonly [number, number] {
  // More than a shortcut: the computation below would round.
  if (temperature === UNCALIBRATED) return [others, virus];
  const difference = (Math.log(virus) - Math.log(others)) / temperature;
  return [Math.fround(1 / (1 + Math.exp(difference))), Math.fround(1 / (1 + Math.exp(-difference)))];
}

/** `calibrated` for many frames, in place. @param scores [frames, 2]: others, virus */
export function calibrateAll(scores: Float32Array, temperature: number): void {
  for (let position = 0; position + 1 < scores.length; position += 2) {
    scores.set(calibrated(scores[position]!, scores[position + 1]!, temperature), position);
  }
}

/** The temperature of a model's scores. @param isWanted whether to calibrate them if the model has a temperature */
export function temperatureOf(model: { readonly temperature?: number }, isWanted: boolean): number {
  return (isWanted ? model.temperature : undefined) ?? UNCALIBRATED;
}

/** Natural log of the odds of virus, -16.6 to 16.6. The virus score is rounded to float32, as in the tables. */
export function logOdds(virusScore: number): number {
  const score = Math.min(Math.max(Math.fround(virusScore), MIN_DISTANCE), 1 - MIN_DISTANCE);
  return Math.log(score / (1 - score));
}
