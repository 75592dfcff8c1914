import type { WorkerStatus } from '../predict/run-status.js';
import { span } from './dashboard-lines.js';
import type { Span } from './dashboard-lines.js';
import { STAGE_NAMES } from './event-words.js';
import { percent, shortGibibytes } from './quantities.js';

/** What a worker computes, and how far it is in its batch: `ESM-2 40 %`. */
export function stageSpan({ stage, isLost, running }: WorkerStatus): Span {
  if (isLost) return span('lost', 'error');
  if (stage === 'idle') return span(STAGE_NAMES.idle, 'faint');
  return span(STAGE_NAMES[stage] + (running ? ` ${percent(running.fraction)}` : ''), 'good');
}

/** The longest of them. */
export const STAGE_COLUMNS = 'DNABERT-S 100 %'.length;

/** In use, by whomever, of all: `20.0/80.0`. Empty where it is not known. */
export function memoryInUse({ memory }: WorkerStatus): string {
  return memory ? `${shortGibibytes(memory.total - memory.free)}/${shortGibibytes(memory.total)}` : '';
}

/** The longest of them. */
export const MEMORY_COLUMNS = '99.9/99.9'.length;
