import type { ContigScores } from './results.js';

/** The float32 nearest to 1 is this far from it; scores nearer to 0 or 1 count as if they were as far. */
const MIN_DISTANCE = 2 ** -24;

/** Natural log of the odds of virus at a virus score, which is taken as the float32 that the tables have: -16.6 to 16.6. */
export function logOdds(virusScore: number): number {
  const score = Math.min(Math.max(Math.fround(virusScore), MIN_DISTANCE), 1 - MIN_DISTANCE);
  return Math.log(score / (1 - score));
}

/**
 * The scored windows of a contig, added up in their order: so whoever adds up the same windows has the same means to their
 * last digit.
 */
export class ScoreSums {
  #scored = 0;
  #virus = 0;
  #sum = 0;
  #highest = 0;
  #logOdds = 0;

  add(virusScore: number, isVirus: boolean): void {
    this.#scored++;
    if (isVirus) this.#virus++;
    this.#sum += virusScore;
    this.#highest = Math.max(this.#highest, virusScore);
    this.#logOdds += logOdds(virusScore);
  }

  get scored(): number {
    return this.#scored;
  }

  get virus(): number {
    return this.#virus;
  }

  /** Nothing when nothing was added. */
  scores(): ContigScores {
    const scored = this.#scored;
    if (scored === 0) return {};
    return {
      meanVirusScore: this.#sum / scored,
      maxVirusScore: this.#highest,
      meanLogOdds: this.#logOdds / scored,
    };
  }
}
