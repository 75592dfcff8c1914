/** The temperature at which scores are as the classifier gives them. */
export const UNCALIBRATED = 1;

/**
 * The scores of a frame at another temperature: softmax(logits / temperature), found from softmax(logits). Which of the
 * two is the greater stays as it is, as does the order of frames; what differs by a rounding alone may become equal.
 *
 * @param others float32, 0 to 1, as is `virus`; both are not 0
 * @param temperature above 0; above 1 scores move to the middle, below 1 away from it
 * @returns others, virus: float32, 0 to 1
 */
export function calibrated(others: number, virus: number, temperature: number): readonly [number, number] {
  // Not only a short cut: the division would round.
  if (temperature === UNCALIBRATED) return [others, virus];
  const difference = (Math.log(virus) - Math.log(others)) / temperature;
  return [Math.fround(1 / (1 + Math.exp(difference))), Math.fround(1 / (1 + Math.exp(-difference)))];
}

/** Like `calibrated`, for many frames in place. @param scores [frames, 2]: others, virus */
export function calibrateAll(scores: Float32Array, temperature: number): void {
  for (let position = 0; position + 1 < scores.length; position += 2) {
    scores.set(calibrated(scores[position]!, scores[position + 1]!, temperature), position);
  }
}

/** The temperature of a model's scores. @param isWanted whether they are calibrated where the model can be */
export function temperatureOf(model: { readonly temperature?: number }, isWanted: boolean): number {
  return (isWanted ? model.temperature : undefined) ?? UNCALIBRATED;
}
