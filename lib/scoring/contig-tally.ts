import type { SequenceRecord } from '../input/record.js';
import { contigVerdict } from './calls.js';
import type { CallRule } from './calls.js';
import { logOdds } from './frame-scores.js';
import type {
  ContigScores,
  ContigStatus,
  ContigVerdict,
  StoredContigResult,
  WindowCall,
  WindowResult,
} from './results.js';
import { NO_FRAME_REASON } from './window-result.js';

/** Sums over a contig's scored windows, in order, so that the same windows give the same means to the last digit. */
export class ScoreSums {
  #scored = 0;
  #virus = 0;
  #sum = 0;
  #highest = 0;
  #logOdds = 0;

  add(virusScore: number, call: WindowCall): void {
    this.#scored++;
    if (call === 'virus') this.#virus++;
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

  verdict(rule: CallRule): ContigVerdict {
    return contigVerdict(this.#scored, this.#virus, rule);
  }

  /** Empty if nothing was added. */
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

/** Adds up a contig's windows as they are settled, in constant memory. */
export class ContigTally {
  readonly #sums = new ScoreSums();
  #windows = 0;
  #failed = 0;
  #reason = '';

  add(window: Pick<WindowResult, 'status' | 'reason' | 'virusScore' | 'call'>): void {
    this.#windows++;
    if (window.status === 'failed') {
      this.#failed++;
      this.#reason ||= window.reason;
    }
    if (window.virusScore === undefined || window.call === undefined) return;
    this.#sums.add(window.virusScore, window.call);
  }

  finish(record: SequenceRecord, rule: CallRule): StoredContigResult {
    const status = record.problem ? 'invalid' : this.#status(record.sequence.length);
    return {
      kind: 'contig',
      record: record.given,
      index: record.index,
      contig: record.id,
      header: record.header,
      source: record.source,
      length: record.sequence.length,
      ambiguous: record.ambiguous,
      uracil: record.uracil,
      gaps: record.gaps,
      verdict: this.#sums.verdict(rule),
      windows: this.#windows,
      windowsScored: this.#sums.scored,
      windowsVirus: this.#sums.virus,
      ...this.#sums.scores(),
      sequence: record.sequence,
      status,
      reason: record.problem ?? this.#reasonOf(status),
    };
  }

  #status(length: number): ContigStatus {
    if (length === 0) return 'empty';
    const isScored = this.#sums.scored > 0;
    if (this.#failed > 0) return isScored ? 'partial' : 'failed';
    return isScored ? 'scored' : 'no_frame';
  }

  #reasonOf(status: ContigStatus): string {
    switch (status) {
      case 'scored':
        return '';
      case 'empty':
        return 'the record has no letters';
      case 'no_frame':
        return NO_FRAME_REASON;
      default:
        return `${this.#failed} of ${this.#windows} windows failed: ${this.#reason}`;
    }
  }
}
