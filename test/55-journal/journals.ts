import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FrameBatchTokens } from '../../lib/engine/addon.js';
import type { VirnucproError } from '../../lib/errors.js';
import { RunJournal } from '../../lib/journal/run-journal.js';
import type { JournaledBatch } from '../../lib/journal/run-journal.js';
import { JOURNAL_FORMAT, WITHOUT_TRIAGE } from '../../lib/journal/journal-key.js';
import type { RunKey } from '../../lib/journal/journal-key.js';

export function key(changes: Partial<RunKey> = {}): RunKey {
  return {
    format: JOURNAL_FORMAT,
    virnucpro: '0.1.0',
    libtorch: '2.11.0',
    dna: 'a'.repeat(64),
    protein: 'b'.repeat(64),
    classifier: 'c'.repeat(64),
    chunkSize: 500,
    precision: 'fp32',
    engine: 'packed',
    proteinBatchTokens: 4096,
    dnaBatchTokens: 4096,
    embeddings: false,
    ...WITHOUT_TRIAGE,
    devices: ['some CPU, 2 threads'],
    ...changes,
  };
}

/** A batch of `frames` frames, each of one DNA token and two protein tokens; different for every number. */
export function tokensOf(batch: number, frames = 2): FrameBatchTokens {
  const packed = (each: number) => ({
    tokens: Int32Array.from({ length: each * frames }, (_, index) => batch * 31 + index),
    offsets: Int32Array.from({ length: frames + 1 }, (_, index) => each * index),
  });
  return { dna: packed(1), protein: packed(2) };
}

/** Scores that differ for every batch. */
export function scoresOf(batch: number, frames = 2): JournaledBatch {
  return { scores: Float32Array.from({ length: 2 * frames }, (_, index) => (batch + index / 8) / 1024) };
}

export interface JournalFolder {
  readonly path: string;
  remove(): void;
}

export function journalFolder(): JournalFolder {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-journal-'));
  return { path: join(folder, 'journal'), remove: () => rmSync(folder, { recursive: true }) };
}

/** Opens a journal; a failure of its file goes into `failures`. */
export async function opened(path: string, own = key(), failures: VirnucproError[] = []): Promise<RunJournal> {
  return await RunJournal.open({ path, key: own, onFailure: (error) => failures.push(error) });
}

/** A closed journal of this many batches. */
export async function writeJournal(path: string, batches: number): Promise<void> {
  const journal = await opened(path);
  for (let batch = 0; batch < batches; batch++) journal.models.add(batch, tokensOf(batch), scoresOf(batch));
  await journal.close();
}
