import type { ContigScores } from './results.js';

/** The float32 nearest to 1 is this far from it; scores nearer to 0 or 1 count as if they were as far. */
const LEAST_DISTANCE = 2 ** -24;

/** Natural log of the odds of virus at a virus score, which is taken as the float32 that the tables have: -16.6 to 16.6. */
export function logOdds(virusScore: number): number {
  const score = Math.min(Math.max(Math.fround(virusScore), LEAST_DISTANCE), 1 - LEAST_DISTANCE);
  return Math.log(score / (1 - score));
}

/**
 * Virus scores of a contig's windows, added up in the order of the windows: so whoever adds up the same windows has the
 * same means to their last digit.
 */
export class ScoreSums {
  #count = 0;
  #sum = 0;
  #highest = 0;
  #logOdds = 0;

  add(virusScore: number): void {
    this.#count++;
    this.#sum += virusScore;
    this.#highest = Math.max(this.#highest, virusScore);
    this.#logOdds += logOdds(virusScore);
  }

  get count(): number {
    return this.#count;
  }

  /** Nothing when nothing was added. */
  scores(): ContigScores {
    const count = this.#count;
    if (count === 0) return {};
    return {
      meanVirusScore: this.#sum / count,
      maxVirusScore: this.#highest,
      meanLogOdds: this.#logOdds / count,
    };
  }
}
