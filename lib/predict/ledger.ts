import type { BatchOutcome } from '../engine/pool/scoring-work.js';
import type { SequenceRecord } from '../input/record.js';
import { inputName } from '../input/text.js';
import type { FrameName, Orf } from '../windows/open-reading-frames.js';
import type { SequenceWindow } from '../windows/windows.js';
import type { CallRule } from '../scoring/calls.js';
import type { ContigTally } from '../scoring/contig-tally.js';
import { calibrated, UNCALIBRATED } from '../scoring/frame-scores.js';
import type { StoredResult } from '../scoring/results.js';
import { windowResult } from '../scoring/window-result.js';
import type { SettledWindow } from '../scoring/window-result.js';
import { unscoredFrames } from './batch-failures.js';
import type { BatchFailure, UnscoredFrames } from './batch-failures.js';
import type { SettledBatch } from './settlement.js';

/** A window that is settled as soon as none of its frames is unsettled. */
interface PendingWindow extends SettledWindow {
  readonly kind: 'window';
  readonly record: SequenceRecord;
  readonly tally: ContigTally;
  /** Tag of its first frame; the others have the tags that follow. */
  readonly firstTag: number;
  readonly scores: number[];
  embeddings: (Float32Array | undefined)[] | undefined;
  unsettled: number;
  reason: string;
  model: string;
}

interface PendingContig {
  readonly kind: 'contig';
  readonly record: SequenceRecord;
  readonly tally: ContigTally;
}

const NO_FRAMES: readonly FrameName[] = [];
const NO_SCORES: number[] = [];

export interface LedgerOptions {
  readonly rule: CallRule;
  /** Whether window results carry their letters and ORFs. */
  readonly sequences: boolean;
  /** Temperature of the scores in results; `settle` takes the classifier's own scores. Default UNCALIBRATED. */
  readonly temperature?: number;
  /** Name of the model whose scores `settle` takes. */
  readonly model: string;
}

/**
 * Every pending window and record, in input order. Scores arrive in any order; results leave in input order, each
 * exactly once: nothing that was entered can get lost.
 */
export class Ledger {
  readonly #rule: CallRule;
  readonly #keepSequences: boolean;
  readonly #temperature: number;
  readonly #model: string;
  /** By the tags of their unsettled frames. */
  readonly #windows = new Map<number, PendingWindow>();
  #queue: (PendingWindow | PendingContig)[] = [];
  #head = 0;
  #nextTag = 0;
  /** Called when the oldest result is ready after something was settled, if anything waits for that. */
  onReady: (() => void) | undefined;

  constructor({ rule, sequences, temperature = UNCALIBRATED, model }: LedgerOptions) {
    this.#rule = rule;
    this.#keepSequences = sequences;
    this.#temperature = temperature;
    this.#model = model;
  }

  /** Enters a window. @returns the tag of its first frame; the others follow in order */
  enterWindow(record: SequenceRecord, tally: ContigTally, window: SequenceWindow, orfs: readonly Orf[]): number {
    const pending: PendingWindow = {
      kind: 'window',
      record,
      tally,
      number: window.number,
      start: window.start,
      end: window.start + window.letters.length,
      firstTag: this.#nextTag,
      frames: orfs.length === 0 ? NO_FRAMES : orfs.map(({ name }) => name),
      scores: orfs.length === 0 ? NO_SCORES : new Array<number>(2 * orfs.length).fill(NaN),
      embeddings: undefined,
      unsettled: orfs.length,
      reason: '',
      sequences: this.#keepSequences ? { letters: window.letters, orfs } : undefined,
      model: this.#model,
    };
    for (let position = 0; position < orfs.length; position++) this.#windows.set(this.#nextTag++, pending);
    this.#queue.push(pending);
    return pending.firstTag;
  }

  /** Enters the end of a record, once its windows are entered. */
  endRecord(record: SequenceRecord, tally: ContigTally): void {
    this.#queue.push({ kind: 'contig', record, tally });
  }

  /** Where the frame with this tag is in the input, in words; only while the frame is unsettled. */
  placeOf(tag: number): string {
    const { number, record } = this.#windows.get(tag)!;
    return `window ${number} of ${record.id} in ${inputName(record.source)}`;
  }

  /** Enters the outcome of a batch. @returns its failures, one for each reason */
  settle(batch: SettledBatch, outcome: BatchOutcome): BatchFailure[] {
    const { scores, embeddings } = outcome;
    const width = embeddings ? embeddings.length / batch.tags.length : 0;
    const unscored = unscoredFrames(outcome);
    const withoutScore = new Set(unscored.flatMap(({ rows }) => rows));
    batch.tags.forEach((tag, row) => {
      if (withoutScore.has(row)) return;
      const window = this.#settleFrame(tag);
      const position = tag - window.firstTag;
      const score = calibrated(scores[2 * row]!, scores[2 * row + 1]!, this.#temperature);
      [window.scores[2 * position], window.scores[2 * position + 1]] = score;
      if (embeddings) (window.embeddings ??= [])[position] = embeddings.subarray(row * width, (row + 1) * width);
    });
    const failures = unscored.map(({ rows, ...why }) =>
      this.#enterFailure(
        rows.map((row) => batch.tags[row]!),
        why,
      ),
    );
    this.#emitReady();
    return failures;
  }

  /**
   * Enters the scores with which another model decided a window, none of whose frames is settled.
   * @param scores others and virus of each of its frames, as they will appear in the results
   */
  decide(firstTag: number, scores: readonly number[], model: string): void {
    const window = this.#windows.get(firstTag)!;
    for (let position = 0; position < window.frames.length; position++) this.#settleFrame(firstTag + position);
    for (const [index, score] of scores.entries()) window.scores[index] = score;
    window.model = model;
    this.#emitReady();
  }

  /** Describes frames without a score; only while they are unsettled. */
  describeFailure(tags: readonly number[], { part, code, reason }: Omit<UnscoredFrames, 'rows'>): BatchFailure {
    const sources = new Set(tags.map((tag) => this.#windows.get(tag)!.record.source));
    // A frame that failed alone is itself the cause: name it, so that it can be found.
    const name = tags.length === 1 ? this.#nameOf(tags[0]!) : '';
    return { part, code, reason: name + reason, frames: tags.length, sources: [...sources] };
  }

  #nameOf(tag: number): string {
    const { frames, firstTag, number, record } = this.#windows.get(tag)!;
    return `frame ${frames[tag - firstTag]!} of window ${number} of ${record.id}: `;
  }

  #enterFailure(tags: readonly number[], why: Omit<UnscoredFrames, 'rows'>): BatchFailure {
    const failure = this.describeFailure(tags, why);
    for (const tag of tags) {
      const window = this.#settleFrame(tag);
      window.reason ||= `frame ${window.frames[tag - window.firstTag]!}: ${why.reason}`;
    }
    return failure;
  }

  #emitReady(): void {
    if (this.onReady && this.hasResult()) this.onReady();
  }

  /** Whether a result is ready. */
  hasResult(): boolean {
    const next = this.#queue[this.#head];
    return next !== undefined && (next.kind === 'contig' || next.unsettled === 0);
  }

  /** The oldest result, if it is ready. The caller must release a contig's sequence. */
  next(): StoredResult | undefined {
    if (!this.hasResult()) return undefined;
    this.#forget();
    const next = this.#queue[this.#head++]!;
    if (next.kind === 'contig') return next.tally.finish(next.record, this.#rule);
    const result = windowResult(next, this.#rule);
    next.tally.add(result);
    return result;
  }

  /** For a run that ends early: releases the sequences of records whose end was entered but which have not left. */
  release(): void {
    for (const entry of this.#queue.slice(this.#head)) if (entry.kind === 'contig') entry.record.sequence.release();
    this.#queue = [];
    this.#head = 0;
    this.#windows.clear();
  }

  #settleFrame(tag: number): PendingWindow {
    const window = this.#windows.get(tag)!;
    this.#windows.delete(tag);
    window.unsettled--;
    return window;
  }

  /** Drops what has left now and then, so that the queue grows only with what is pending. */
  #forget(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
