import type { SequenceRecord } from '../input/record.js';
import { contigVerdict } from './calls.js';
import type { CallRule } from './calls.js';
import type { ContigResult, ContigStatus, WindowResult } from './results.js';
import { ScoreSums } from './score-sums.js';

/** Adds up a contig's windows as they are settled; a contig of a million windows takes no more memory than one of two. */
export class ContigTally {
  readonly #sums = new ScoreSums();
  #windows = 0;
  #failed = 0;
  #reason = '';

  add(window: WindowResult, rule: CallRule): void {
    this.#windows++;
    if (window.status === 'failed') {
      this.#failed++;
      this.#reason ||= window.reason;
    }
    if (window.virusScore === undefined) return;
    this.#sums.add(window.virusScore, window.virusScore >= rule.threshold);
  }

  finish(record: SequenceRecord, rule: CallRule): ContigResult {
    const status = record.problem ? 'invalid' : this.#status(record.sequence.length);
    return {
      kind: 'contig',
      record: record.index,
      contig: record.id,
      header: record.header,
      source: record.source,
      length: record.sequence.length,
      ambiguous: record.ambiguous,
      uracil: record.uracil,
      gaps: record.gaps,
      verdict: contigVerdict(this.#sums.scored, this.#sums.virus, rule),
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
        return 'no reading frame without a stop codon';
      default:
        return `${this.#failed} of ${this.#windows} windows failed: ${this.#reason}`;
    }
  }
}
