// @ts-check
import { inRepository } from '../../scripts/setup/repository.mjs';
import { agreementOf } from './agreement.mjs';
import { jsonOf } from './child-process.mjs';
import { leastCosine } from './competitors.mjs';
import { onnxruntimePackage } from './onnxruntime-package.mjs';
import { MODEL } from '../random-model.mjs';
import { convert } from './prepare.mjs';

/** @typedef {import('./competitors.mjs').Competitor} Competitor */
/** @typedef {import('./options.mjs').Options} Options */

/** Number of sequences whose embeddings are compared. */
const COMPARED = 4;

/**
 * @typedef {{
 *   tokens_per_second: number,
 *   sequences_per_second: number,
 *   peak_memory_bytes: number,
 *   limit_tokens_per_second?: number | null,
 * }} Measurement
 *
 * @typedef {{
 *   competitor: Competitor,
 *   failure?: string,
 *   batch?: number,
 *   tried?: Record<string, number>,
 *   means?: number[][],
 *   agreement?: { cosine: number, relativeError: number },
 *   rounds: Measurement[],
 * }} Entry
 */

/** One comparison: what all competitors are given, and how each is started. */
export class Comparison {
  /**
   * @param {Options} options
   * @param {{ python: string, models: string, weights: string, input: string }} place
   */
  constructor(options, place) {
    this.options = options;
    this.place = place;
  }

  /**
   * Prepares the weights that a competitor needs, computes a few embeddings with it, and finds its best batch size.
   * @param {Competitor} competitor @returns {Promise<Entry>}
   */
  async check(competitor) {
    try {
      for (const form of competitor.needs) await convert(form, this.place.weights, this.place.python);
      const { means, batch, tried } =
        competitor.program === 'ours'
          ? await this.#ourMeans(competitor)
          : await this.#runner(competitor, 'check', this.options.batch);
      return { competitor, means, batch, tried, rounds: [] };
    } catch (error) {
      return { competitor, failure: failureOf(error), rounds: [] };
    }
  }

  /** Adds one round to an entry. @param {Entry} entry */
  async measure(entry) {
    const { competitor, batch } = entry;
    try {
      const ours = competitor.program === 'ours';
      entry.rounds.push(ours ? await this.#ourSpeed(competitor) : await this.#runner(competitor, 'measure', batch));
    } catch (error) {
      entry.failure = failureOf(error);
    }
  }

  /** @param {Competitor} competitor */
  #ourMeans({ part, precision }) {
    const { input, models } = this.place;
    const words = ['means', part, input, String(COMPARED), `${models}/${MODEL}`, precision];
    return jsonOf(process.execPath, [
      ...[inRepository('bench', 'compare', 'run-ours.mjs'), ...words, String(this.options.threads)],
    ]);
  }

  /** @param {Competitor} competitor @returns {Promise<Measurement>} */
  #ourSpeed({ part, precision }) {
    const { fasta = '', limit, window, threads } = this.options;
    return jsonOf(process.execPath, [
      ...[inRepository('bin', 'virnucpro.js'), 'bench', '--models', this.place.models, '--model', MODEL],
      ...[part === 'dna' ? '--dna' : '--esm', '--fasta', fasta, '--limit', String(limit)],
      ...(part === 'dna' ? ['--window', String(window)] : []),
      ...['--precision', precision, '--device', 'cpu', '--threads', String(threads), '--repeats', '1', '--json'],
    ]);
  }

  /** @param {Competitor} competitor @param {'check' | 'measure'} mode @param {number} [batch] */
  async #runner({ program, script, precision, oneByOne }, mode, batch) {
    const { threads, reference } = this.options;
    const { input, weights, python } = this.place;
    const words = ['--mode', mode, '--input', input, '--weights', weights, '--precision', precision];
    words.push('--threads', String(threads), '--count', String(COMPARED));
    if (batch !== undefined) words.push('--batch', String(batch));
    if (program === 'onnxruntime') {
      const runner = inRepository('bench', 'compare', 'run-onnxruntime.mjs');
      return jsonOf(process.execPath, [runner, ...words, '--package', await onnxruntimePackage()], { threads });
    }
    if (oneByOne) words.push('--one-by-one');
    if (reference !== undefined) words.push('--reference', reference);
    return jsonOf(python, [inRepository('bench', 'compare', 'python', script ?? ''), ...words], { threads });
  }
}

/**
 * Compares all embeddings with those of the first entry that has any; an entry that is too far from them computes
 * something else and is excluded.
 * @param {Entry[]} entries
 */
export function judge(entries) {
  const baseline = entries.find(({ means }) => means)?.means;
  if (!baseline) return;
  for (const entry of entries) {
    if (!entry.means) continue;
    entry.agreement = agreementOf(entry.means, baseline);
    delete entry.means;
    const { cosine } = entry.agreement;
    const least = leastCosine[entry.competitor.precision];
    if (!(cosine >= least)) entry.failure = `other embeddings: cosine ${cosine.toFixed(4)}, expected ${least}`;
  }
}

/** @param {unknown} error */
function failureOf(error) {
  if (!(error instanceof Error)) return String(error);
  if (error.cause) console.error(error.cause);
  return error.message;
}
