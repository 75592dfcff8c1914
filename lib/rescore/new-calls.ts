import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import { BufferedFile, openNewFile, type Wait } from '../output/buffered-file.js';
import { utf8Key } from '../output/classic-files.js';
import { CONTIGS_TABLE, VIRUS_SEQUENCES, WINDOWS_TABLE } from '../output/files.js';
import { checkFile } from '../output/finished-run.js';
import {
  commentWith,
  commentWithOptional,
  commentWithWarning,
  hasRandomWeights,
  type ManifestFile,
  type RunManifest,
} from '../output/manifest.js';
import type { CallRule } from '../scoring/calls.js';
import { EarlierSequences } from './earlier-sequences.js';
import type { OtherClassifier } from './other-classifier.js';
import {
  CONTIG_COLUMNS,
  type RescoredContig,
  type RescoredCounts,
  rescoreTables,
  WINDOW_COLUMNS,
} from './rescored-tables.js';
import { writeSequencesFromInputs } from './sequences-from-inputs.js';
import { StoredFrames } from './stored-frames.js';
import { TableReader } from './table-reader.js';
import { NewScores, StoredScores } from './window-scores.js';

export interface NewCallsOptions {
  /** Directory of the earlier results, and their run.json. */
  readonly directory: string;
  readonly earlier: RunManifest;
  readonly rule: CallRule;
  /** To be applied to the stored embeddings; undefined to use the stored scores. */
  readonly classifier: OtherClassifier | undefined;
  /** Where the new files go. */
  readonly folder: string;
  /** A folder for temporary files. */
  readonly temporary: string;
  /** Where the new files will end up, for errors. */
  readonly shownOutput: string;
  readonly inputs: readonly string[];
  readonly standardInput: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface NewCalls {
  /** By name. */
  readonly files: ReadonlyMap<string, ManifestFile>;
  readonly counts: RescoredCounts;
}

/**
 * Rewrites contigs.tsv, windows.tsv and virus.fna, and with another classifier also the classic files. The records of
 * virus.fna are copied from the earlier one unless a record is newly virus: then all are read from the inputs.
 *
 * @throws VirnucproError
 */
export async function writeNewCalls(options: NewCallsOptions): Promise<NewCalls> {
  const files = new Map<string, ManifestFile>();
  const sequences = newFile(options, VIRUS_SEQUENCES.name);
  const copied = await CopiedSequences.open(options, sequences);
  let counts: RescoredCounts;
  try {
    counts = await writeTables(options, files, (contig) => copied.contig(contig));
    await copied.end();
    if (copied.isComplete)
      files.set(VIRUS_SEQUENCES.name, { name: VIRUS_SEQUENCES.name, ...(await sequences.close()) });
  } finally {
    await Promise.all([copied.close(), sequences.abandon()]);
  }
  if (!copied.isComplete) files.set(VIRUS_SEQUENCES.name, await writeFromInputs(options));
  return { files, counts };
}

/** Writes both tables, and checks that what was read matches run.json. */
async function writeTables(
  options: NewCallsOptions,
  files: Map<string, ManifestFile>,
  onContig: (contig: RescoredContig) => Wait,
): Promise<RescoredCounts> {
  const { directory, earlier, rule } = options;
  // Each character read from the tables already stands for a UTF-8 byte.
  const newContigs = newFile(options, CONTIGS_TABLE.name, 'latin1');
  const newWindows = newFile(options, WINDOWS_TABLE.name, 'latin1');
  const tables: TableReader[] = [];
  let newScores: NewScores | undefined;
  try {
    const contigs = await openTable(options, join(directory, CONTIGS_TABLE.name), CONTIG_COLUMNS);
    tables.push(contigs);
    const windows = await openTable(options, join(directory, WINDOWS_TABLE.name), WINDOW_COLUMNS);
    tables.push(windows);
    await newContigs.append(head(contigs, options, CONTIGS_TABLE.name));
    await newWindows.append(head(windows, options, WINDOWS_TABLE.name));
    newScores = await openNewScores(options, windows);
    const scores = newScores ?? new StoredScores(windows);
    const isStopped = earlier.outcome === 'stopped';
    const counts = await rescoreTables({ contigs, windows, newContigs, newWindows, scores, rule, isStopped, onContig });
    checkFile(directory, fileOf(earlier, CONTIGS_TABLE.name), contigs.summary());
    checkFile(directory, fileOf(earlier, WINDOWS_TABLE.name), windows.summary());
    checkCounts(options, counts);
    for (const file of (await newScores?.end()) ?? []) files.set(file.name, file);
    files.set(CONTIGS_TABLE.name, { name: CONTIGS_TABLE.name, ...(await newContigs.close()) });
    files.set(WINDOWS_TABLE.name, { name: WINDOWS_TABLE.name, ...(await newWindows.close()) });
    return counts;
  } finally {
    const closed = [...tables.map((table) => table.close()), newContigs.abandon(), newWindows.abandon()];
    await Promise.all([...closed, newScores?.close()]);
  }
}

async function openNewScores(options: NewCallsOptions, windows: TableReader): Promise<NewScores | undefined> {
  const { directory, earlier, classifier, temporary, signal } = options;
  if (classifier === undefined) return undefined;
  const frames = await StoredFrames.open({ directory, earlier, classifier, signal });
  const { name: model } = classifier.model;
  return new NewScores({
    windows,
    frames,
    temporary,
    model,
    newFile: (name, encoding) => newFile(options, name, encoding),
  });
}

async function writeFromInputs(options: NewCallsOptions): Promise<ManifestFile> {
  const { earlier: manifest, folder, inputs: moved, standardInput, signal } = options;
  const { name } = VIRUS_SEQUENCES;
  await rm(join(folder, name), { force: true });
  const file = newFile(options, name);
  const contigs = await openTable(options, join(folder, CONTIGS_TABLE.name), CONTIG_COLUMNS);
  try {
    await writeSequencesFromInputs({ manifest, moved, contigs, file, standardInput, signal });
    return { name, ...(await file.close()) };
  } finally {
    await Promise.all([contigs.close(), file.abandon()]);
  }
}

/** The records that are still virus, copied from the earlier virus.fna as long as no record is newly virus. */
class CopiedSequences {
  /** Whether the earlier file has every record that is virus. */
  isComplete = true;
  readonly #options: NewCallsOptions;
  readonly #from: EarlierSequences;
  readonly #to: BufferedFile;

  private constructor(options: NewCallsOptions, from: EarlierSequences, to: BufferedFile) {
    this.#options = options;
    this.#from = from;
    this.#to = to;
  }

  static async open(options: NewCallsOptions, to: BufferedFile): Promise<CopiedSequences> {
    const path = join(options.directory, VIRUS_SEQUENCES.name);
    return new CopiedSequences(
      options,
      await EarlierSequences.open({ path, shownPath: path, signal: options.signal }),
      to,
    );
  }

  contig({ length, before, verdict }: RescoredContig): Wait {
    if (verdict === 'virus' && before !== 'virus') this.isComplete = false;
    if (before !== 'virus') return undefined;
    return this.#from.next(length, verdict === 'virus' && this.isComplete ? this.#to : undefined);
  }

  async end(): Promise<void> {
    const { directory, earlier } = this.#options;
    checkFile(directory, fileOf(earlier, VIRUS_SEQUENCES.name), await this.#from.end());
  }

  async close(): Promise<void> {
    await this.#from.close();
  }
}

function newFile(
  { folder, shownOutput }: NewCallsOptions,
  name: string,
  encoding: 'utf8' | 'latin1' = 'utf8',
): BufferedFile {
  const path = join(folder, name);
  return new BufferedFile({ path, shownPath: join(shownOutput, name), open: openNewFile, encoding });
}

function openTable({ signal }: NewCallsOptions, path: string, columns: readonly string[]): Promise<TableReader> {
  return TableReader.open({ path, shownPath: path, columns, signal });
}

/** Comment and header of a table, with the current model and rule. */
function head({ comment, header }: TableReader, options: NewCallsOptions, name: string): string {
  const { directory, classifier, rule } = options;
  const model = classifier?.model ?? options.earlier.model;
  const { threshold, minFraction } = rule;
  const now = commentWith(comment, { model: model.name, threshold, min_fraction: minFraction });
  const { triage = null } = options.earlier;
  const random = hasRandomWeights({ model, triage });
  if (now !== undefined) return `${commentWithWarning(withOptional(now, options), { random })}\n${header}\n`;
  const found = JSON.stringify(Buffer.from(comment, 'latin1').toString('utf8'));
  throw new VirnucproError(
    'VNP_OUTPUT',
    `The comment of ${join(directory, name)} does not name the model, the threshold and min_fraction: ${found}. The ` +
      'table was written by another version or changed after the run: predict again',
  );
}

/** Leaves the comment alone for stored scores: it already names their model and temperature. */
function withOptional(comment: string, { classifier }: NewCallsOptions): string {
  if (classifier === undefined) return comment;
  const { temperature, model } = classifier;
  return commentWithOptional(comment, { temperature, card: model.card ? utf8Key(model.card) : null });
}

function fileOf({ files }: RunManifest, name: string): ManifestFile {
  return files.find((file) => file.name === name)!;
}

/** Repeats what predict has checked: this is the last chance to notice missing rows. */
function checkCounts({ directory, earlier }: NewCallsOptions, counts: RescoredCounts): void {
  const isStopped = earlier.outcome === 'stopped';
  for (const name of ['records', 'windows', 'windowsScored'] as const) {
    const counted = earlier.counts[name];
    if (counts[name] === counted || (isStopped && name === 'records' && counts[name] < counted)) continue;
    throw new VirnucproError(
      'VNP_OUTPUT',
      `The tables in ${directory} have ${name} = ${counts[name]}, but run.json says ${counted}. They were changed or ` +
        'damaged after the run: predict again',
    );
  }
}
