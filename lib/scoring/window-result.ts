import type { SequenceRecord } from '../input/record.js';
import type { FrameName } from '../windows/open-reading-frames.js';
import { windowCall } from './calls.js';
import type { CallRule } from './calls.js';
import type { FrameScore, WindowResult } from './results.js';

/** Why a window, or a contig of such windows, has no score although nothing failed. */
export const NO_FRAME_REASON = 'no reading frame without a stop codon';

/** A window of which nothing is awaited any more. */
export interface SettledWindow {
  readonly record: Pick<SequenceRecord, 'index' | 'id' | 'source' | 'given'>;
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly frames: readonly FrameName[];
  /** Two for each frame, others and virus; NaN without a score. */
  readonly scores: readonly number[];
  /** By frame, for scored frames and only if asked for. */
  readonly embeddings: readonly (Float32Array | undefined)[] | undefined;
  /** Why a frame has no score; empty if none failed. */
  readonly reason: string;
  readonly sequences: WindowResult['sequences'];
  /** Name of the model that decides it. */
  readonly model: string;
}

/** The result of a window, with its call. */
export function windowResult(window: SettledWindow, rule: CallRule): WindowResult {
  const { record, number, start, end, sequences } = window;
  const frames = frameScores(window);
  const status = window.reason ? 'failed' : frames.length > 0 ? 'scored' : 'no_frame';
  const deciding = status === 'scored' ? decidingFrame(frames) : undefined;
  return {
    kind: 'window',
    record: record.given,
    index: record.index,
    contig: record.id,
    source: record.source,
    number,
    start,
    end,
    status,
    reason: status === 'no_frame' ? NO_FRAME_REASON : window.reason,
    // A failed window keeps the frames that were scored.
    frames: status === 'scored' ? frames : frames.filter(({ others, virus }) => Number.isFinite(others + virus)),
    ...(deciding && { decidingFrame: deciding, virusScore: deciding.virus, call: windowCall(deciding.virus, rule) }),
    model: status === 'scored' ? window.model : '',
    ...(sequences && { sequences }),
  };
}

/**
 * The frame that decides a window: the one with the highest score of either class. If the highest scores of both
 * classes are equal, the viral one decides, as with max(score2) >= max(score1) in the classic tool.
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

function frameScores({ frames, scores, embeddings }: SettledWindow): FrameScore[] {
  return frames.map((frame, position) => {
    const embedding = embeddings?.[position];
    return {
      frame,
      others: scores[2 * position]!,
      virus: scores[2 * position + 1]!,
      // Not a view: that would keep the whole batch alive, and a clone would copy it.
      ...(embedding && { embedding: embedding.slice() }),
    };
  });
}
