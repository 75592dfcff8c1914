import type { FrameScore } from './results.js';

/** The temperature at which scores are as the classifier gives them. */
export const UNCALIBRATED = 1;

/** The float32 nearest to 1 is this far from it; scores nearer to 0 or 1 count as if they were as far. */
const MIN_DISTANCE = 2 ** -24;

/**
 * The scores of a frame at another temperature: softmax(logits / temperature), found from softmax(logits). Which of the
 * two is greater does not change, nor does the order of frames; scores that differ by a rounding alone may become equal.
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

/**
 * The frame that decides a window: the one with the highest score of either class. Where the highest scores of both
 * classes are equal the viral one decides, as max(score2) >= max(score1) does in the classic tool.
 */
export function decidingFrame(frames: readonly FrameScore[]): FrameScore | undefined {
  let virus: FrameScore | undefined;
  let others: FrameScore | undefined;
  for (const frame of frames) {
    if (!virus || frame.virus > virus.virus) virus = frame;
    if (!others || frame.others > others.others) others = frame;
  }
  return virus && others && virus.virus >= others.others ? virus : others;
}

/** Natural log of the odds of virus at a virus score, which is taken as the float32 that the tables have: -16.6 to 16.6. */
export function logOdds(virusScore: number): number {
  const score = Math.min(Math.max(Math.fround(virusScore), MIN_DISTANCE), 1 - MIN_DISTANCE);
  return Math.log(score / (1 - score));
}
