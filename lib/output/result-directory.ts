import { constants, existsSync, readFileSync } from 'node:fs';
import { access, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EmbeddingFormat } from '../embedding-files/formats.js';
import { expected, VirnucproError } from '../errors.js';
import { writeToDisk } from '../disk.js';
import { both, BufferedFile, openNewFile } from './buffered-file.js';
import type { OpenFile, ResultWriter, Wait } from './buffered-file.js';
import type { StoredResult } from '../scoring/results.js';
import { FailedFilesWriter, HighestScoreWriter, PredictionResultsWriter } from './classic-files.js';
import type { Failure } from './classic-files.js';
import { checkReplaceable, checkResultFiles, earlierFiles } from './earlier-files.js';
import { ExternalSort } from './external-sort.js';
import { VirusSequencesWriter } from './fasta.js';
import { hasRandomWeights, isFinal, manifestText, RANDOM_WEIGHTS_WARNING, runManifest } from './manifest.js';
import type { ManifestFile, RunDescription, RunManifest } from './manifest.js';
import { FormattedEmbeddings } from './formatted-embeddings.js';
import type { FormattedEmbeddingsOptions } from './formatted-embeddings.js';
import { EmbeddingsWriter, IntermediateFilesWriter } from './optional-files.js';
import { checkClaimable, claimDirectory, releaseDirectory } from './output-directory.js';
import type { ClaimOptions } from './output-directory.js';
import { outputError } from './output-error.js';
import type { ClaimedDirectory } from './ownership.js';
import { putInPlace, REPLACEMENT_FOLDER } from './put-in-place.js';
import { codeOf } from './system.js';
import { ContigsTableWriter, WindowsTableWriter } from './tables.js';
import type { TableFormat } from './table-sink.js';
import { Tally } from './tally.js';
import * as files from './files.js';

export interface ResultDirectoryOptions extends Pick<ClaimOptions, 'onWaiting' | 'maxSilence' | 'signal'> {
  /** Created if missing, with its parents. */
  readonly directory: string;
  /** Writes into a directory that is not empty, and replaces the results of an earlier run. Default false. */
  readonly force?: boolean;
  /**
   * Resumes from the journal of an earlier run, if there is one, and then replaces its results. Accepts a directory
   * with other files, as long as none is of a run. Default false.
   */
  readonly resume?: boolean;
  /** With `resume`: starts over if run.json describes a complete run but the files do not match it. Default false. */
  readonly isDamaged?: boolean;
  /** Also writes the classic intermediate files; every window must then have `sequences`. Default false. */
  readonly keepIntermediate?: boolean;
  /** Also writes the embeddings; every scored frame must then have one. Default false. */
  readonly saveEmbeddings?: boolean;
  /** With `saveEmbeddings`: writes them in the format of another program instead. Default none. */
  readonly formattedEmbeddings?: FormattedEmbeddingsOptions | undefined;
  /** The format of both tables. Default `tsv`. */
  readonly tables?: TableFormat;
  /** Chunk size in bases, for the name of an intermediate file. */
  readonly chunkSize: number;
  /** The input's file name without its last extension, for the names of the intermediate files. */
  readonly inputName: string;
  /** Paths of the input files, which never count as files of an earlier run. Default none. */
  readonly inputs?: readonly string[];
  /** The first line of the tables, without its `#`: see `tableComment`. */
  readonly comment: string;
  /** How files are opened for writing; for tests. */
  readonly openFile?: OpenFile;
  /** Memory for sorting, in bytes, and the number of runs merged at once: see ExternalSortOptions. */
  readonly sortRunBytes?: number;
  readonly sortFanIn?: number;
}

/**
 * Opens a directory for the results of one run. No result appears in it under its final name before `finish`.
 *
 * @throws VNP_OUTPUT if the directory is not empty (without `force` or a run to resume), if a file has its name, if
 *   another run writes to it, or if it cannot be written to
 */
export async function openResultDirectory(options: ResultDirectoryOptions): Promise<ResultDirectory> {
  checkInputName(options.inputName);
  const accepts = (names: readonly string[]): boolean => acceptsUnfinished(names, options);
  const claimed = await claimDirectory(options.directory, { ...options, accepts });
  try {
    for (const name of await earlierFiles(claimed.path, options.inputs ?? [])) {
      await checkReplaceable({ path: claimed.path, shownDirectory: options.directory }, name);
    }
    await checkResultFiles({
      shownDirectory: options.directory,
      path: claimed.path,
      unfinished: claimed.results,
      inputName: options.inputName,
      chunkSize: options.chunkSize,
      keepIntermediate: options.keepIntermediate ?? false,
    });
    await makeJournalOwn(claimed, options);
    for (const file of files.OUTPUT_FILES) {
      const path = join(options.directory, files.outputFileName(file, options.inputName, options.chunkSize));
      if ((await stat(path).catch(() => undefined))?.isDirectory() === true) {
        throw new VirnucproError('VNP_OUTPUT', `${path} is a directory, where the run writes a file. Move it away`);
      }
    }
    return new ResultDirectory(options, claimed, await openEmbeddings(options, claimed));
  } catch (error) {
    await releaseDirectory(claimed, { unused: true });
    throw error;
  }
}

async function openEmbeddings(
  { saveEmbeddings, formattedEmbeddings, directory, openFile = openNewFile }: ResultDirectoryOptions,
  { results: folder }: ClaimedDirectory,
): Promise<FormattedEmbeddings | undefined> {
  if (saveEmbeddings !== true || formattedEmbeddings === undefined) return undefined;
  return FormattedEmbeddings.open(formattedEmbeddings, { folder, shownFolder: directory, openFile });
}

/**
 * Refuses what `openResultDirectory` would refuse, as far as that can be known without changing anything.
 *
 * @throws VNP_OUTPUT; the signal's reason
 */
export async function checkResultDirectory(options: ResultDirectoryOptions): Promise<void> {
  const { directory, inputs = [] } = options;
  checkInputName(options.inputName);
  const accepts = (names: readonly string[]): boolean => acceptsUnfinished(names, options);
  await checkClaimable(directory, { ...options, accepts });
  await checkWritable(directory);
  for (const name of await earlierFiles(directory, inputs)) {
    await checkReplaceable({ path: directory, shownDirectory: directory }, name);
  }
}

/** Checks the directory or, if it is missing, its nearest existing parent. */
async function checkWritable(directory: string): Promise<void> {
  const path = resolve(directory);
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw outputError('cannot be written to', directory, cause);
    await checkWritable(dirname(path));
  }
}

/**
 * With `force`, moves the journal of an earlier run away. If that run may still be alive, or the journal is another
 * user's, replaces it by a copy: what the other run appends then goes to a file that no longer has a name.
 */
async function makeJournalOwn(
  { path, unfinished, isDisputed, system }: ClaimedDirectory,
  { force, directory }: ResultDirectoryOptions,
): Promise<void> {
  const journal = join(path, files.JOURNAL.name);
  const own = join(unfinished, 'journal');
  try {
    if (force === true) await system.files.rename(journal, own);
    else if (isDisputed || !(await isWritable(journal))) {
      await system.files.copy(journal, own);
      await system.files.rename(own, journal);
    }
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw outputError('cannot be moved', join(directory, files.JOURNAL.name), cause);
  }
}

function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    (cause: unknown) => codeOf(cause) !== 'EACCES',
  );
}

/** @throws VNP_OUTPUT for an unfinished run without `resume`, and for results that `resume` cannot continue */
function acceptsUnfinished(
  names: readonly string[],
  { directory, resume, isDamaged }: ResultDirectoryOptions,
): boolean {
  // A run that had computed nothing has no journal, but run.json may say that it is unfinished.
  if (!names.includes(files.JOURNAL.name)) {
    if (resume !== true || isDamaged === true || isUnfinished(directory)) return resume === true;
    // Files of others, such as a log of the command, do no harm.
    if (!names.includes(files.RUN_MANIFEST.name)) return !names.some(isOfARun);
    throw new VirnucproError(
      'VNP_OUTPUT',
      `The output directory ${directory} holds the results of other inputs, another model or other options, which ` +
        '`resume` cannot continue. Choose another directory, or replace them with `force: true`',
    );
  }
  if (resume === true) return true;
  throw new VirnucproError(
    'VNP_OUTPUT',
    `The output directory ${directory} holds a run that is not finished. Resume it with \`resume: true\`, or start over ` +
      'with `force: true`, which discards what it has computed',
  );
}

function isOfARun(name: string): boolean {
  return name === REPLACEMENT_FOLDER || files.isResultName(name);
}

function isUnfinished(directory: string): boolean {
  try {
    return !isFinal(JSON.parse(readFileSync(join(directory, files.RUN_MANIFEST.name), 'utf8')) as RunManifest);
  } catch {
    return false;
  }
}

function checkInputName(name: string): void {
  if (name !== '' && !/[/\0]/.test(name)) return;
  throw expected('VNP_ARGUMENT', 'a file name without a slash', 'inputName', JSON.stringify(name));
}

type State = 'open' | 'finishing' | 'finished' | 'aborted';

/** The result files of one run. Made by `openResultDirectory`; ended by `finish` or `abort`. */
export class ResultDirectory {
  readonly #options: ResultDirectoryOptions;
  readonly #claimed: ClaimedDirectory;
  /** Absolute, because the working directory may change during the run. */
  readonly #inputs: readonly string[];
  readonly #files: BufferedFile[] = [];
  readonly #names: string[] = [];
  readonly #embeddings: FormattedEmbeddings | undefined;
  readonly #writers: readonly ResultWriter[];
  readonly #failures: FailedFilesWriter;
  readonly #failuresFile: BufferedFile;
  readonly #tally = new Tally();
  #state: State = 'open';

  /** @internal use `openResultDirectory` */
  constructor(options: ResultDirectoryOptions, claimed: ClaimedDirectory, embeddings: FormattedEmbeddings | undefined) {
    this.#options = options;
    this.#claimed = claimed;
    this.#embeddings = embeddings;
    this.#inputs = (options.inputs ?? []).map((path) => resolve(path));
    this.#writers = this.#makeWriters();
    this.#failuresFile = this.#newFile(files.FAILED_FILES);
    this.#failures = new FailedFilesWriter(this.#failuresFile);
  }

  /** The formats of its tables and of its embeddings. */
  get formats(): { readonly tables: TableFormat; readonly embeddings: 'f32' | EmbeddingFormat } {
    const { tables = 'tsv', formattedEmbeddings } = this.#options;
    return { tables, embeddings: formattedEmbeddings?.format ?? 'f32' };
  }

  /** Path of the log during the run; `finish` puts it in place with the other files. */
  get logPath(): string {
    return join(this.#claimed.unfinished, files.RUN_LOG.name);
  }

  /**
   * Aborted, with a VNP_OUTPUT_LOST error as its reason, when the directory is no longer this run's: another run has
   * taken it over, or a clean-up has removed this run's folder.
   */
  get lost(): AbortSignal {
    return this.#claimed.ownership.lost;
  }

  /** Path of the journal, which keeps what was computed until the run is complete. */
  get journalPath(): string {
    return join(this.#claimed.path, files.JOURNAL.name);
  }

  /**
   * Writes one result to every file it belongs to. Await a returned promise before the next call and before the
   * result's sequence is released. A failed write is reported here or by `finish`.
   *
   * @throws VNP_OUTPUT with the file's name, VNP_OUTPUT_LOST
   */
  write(result: StoredResult): Wait {
    this.#checkOpen();
    let wait: Wait;
    if (result.kind === 'window') {
      this.#tally.window(result);
      for (const writer of this.#writers) wait = both(wait, writer.window?.(result));
    } else {
      this.#tally.contig(result);
      for (const writer of this.#writers) wait = both(wait, writer.contig?.(result));
    }
    return this.#orLoss(wait);
  }

  /** Writes a line to failed_files.txt, which exists only if something failed. Await as with `write`. */
  recordFailure(failure: Failure): Wait {
    this.#checkOpen();
    return this.#orLoss(this.#failures.failure(failure));
  }

  /**
   * Completes all files, checks them against the run's counts, and puts them in place, run.json last. After an error,
   * `abort` must still be called.
   *
   * @throws VNP_OUTPUT, VNP_OUTPUT_LOST
   */
  async finish(run: RunDescription): Promise<RunManifest> {
    this.#checkOpen();
    this.#state = 'finishing';
    this.#checkRun(run);
    try {
      for (const writer of this.#writers) await writer.end?.();
      const manifest = runManifest(run, await this.#closeFiles());
      await this.#putInPlace(manifest);
      this.#state = 'finished';
      await releaseDirectory(this.#claimed, { unused: false }).catch(() => undefined);
      return manifest;
    } catch (cause) {
      throw await this.#claimed.ownership.causeOf(cause);
    }
  }

  /** Removes what was written, and the directory if it was made for this run. Does nothing after `finish`. */
  async abort(): Promise<void> {
    if (this.#state === 'finished' || this.#state === 'aborted') return;
    this.#state = 'aborted';
    await Promise.all([...this.#files.map((file) => file.abandon()), this.#embeddings?.abandon()]);
    await releaseDirectory(this.#claimed, { unused: true }).catch((cause: unknown) => {
      throw outputError('cannot be removed', this.#claimed.unfinished, cause);
    });
  }

  #makeWriters(): ResultWriter[] {
    const { comment, tables = 'tsv', sortRunBytes: runBytes, sortFanIn: fanIn } = this.#options;
    const [contigs, windows] = files.TABLES[tables];
    const open = this.#options.openFile ?? openNewFile;
    const sort = new ExternalSort({ folder: this.#claimed.unfinished, open, runBytes, fanIn });
    const writers: ResultWriter[] = [
      new ContigsTableWriter(this.#newFile(contigs), comment, tables),
      new WindowsTableWriter(this.#newFile(windows), comment, tables),
      new VirusSequencesWriter(this.#newFile(files.VIRUS_SEQUENCES)),
      new PredictionResultsWriter(this.#newFile(files.PREDICTION_RESULTS)),
      new HighestScoreWriter(this.#newFile(files.HIGHEST_SCORE, 'latin1'), sort),
    ];
    if (this.#embeddings) writers.push(this.#embeddings);
    else if (this.#options.saveEmbeddings === true) {
      writers.push(new EmbeddingsWriter(this.#newFile(files.EMBEDDINGS)));
    }
    if (this.#options.keepIntermediate !== true) return writers;
    const chunked = this.#newFile(files.CHUNKED);
    const nucleotide = this.#newFile(files.IDENTIFIED_NUCLEOTIDE);
    const protein = this.#newFile(files.IDENTIFIED_PROTEIN);
    return [...writers, new IntermediateFilesWriter({ chunked, nucleotide, protein })];
  }

  #newFile(definition: files.OutputFile, encoding: 'utf8' | 'latin1' = 'utf8'): BufferedFile {
    const name = files.outputFileName(definition, this.#options.inputName, this.#options.chunkSize);
    const path = join(this.#claimed.results, name);
    const shownPath = join(this.#options.directory, name);
    const file = new BufferedFile({ path, shownPath, open: this.#options.openFile ?? openNewFile, encoding });
    this.#files.push(file);
    this.#names.push(name);
    return file;
  }

  #checkOpen(): void {
    if (this.#state === 'open') return;
    throw new VirnucproError('VNP_CLOSED', `The result directory is ${this.#state}: open another one`);
  }

  #checkRun(run: RunDescription): void {
    this.#tally.check(run);
    if (hasRandomWeights(run) && !this.#options.comment.includes(RANDOM_WEIGHTS_WARNING)) {
      throw expected('VNP_ARGUMENT', `"${RANDOM_WEIGHTS_WARNING}"`, 'the comment of the tables', this.#options.comment);
    }
  }

  async #closeFiles(): Promise<ManifestFile[]> {
    const summaries: ManifestFile[] = [];
    for (const [index, file] of this.#files.entries()) {
      if (file === this.#failuresFile && this.#failures.failures === 0) continue;
      summaries.push({ name: this.#names[index] as string, ...(await file.close()) });
    }
    return [...summaries, ...((await this.#embeddings?.close()) ?? [])];
  }

  async #putInPlace(manifest: RunManifest): Promise<void> {
    const { directory } = this.#options;
    const { results } = this.#claimed;
    try {
      await writeToDisk(join(results, files.RUN_MANIFEST.name), manifestText(manifest));
      if (existsSync(this.logPath)) await rename(this.logPath, join(results, files.RUN_LOG.name));
    } catch (cause) {
      throw outputError('cannot be put in place', join(directory, files.RUN_MANIFEST.name), cause);
    }
    const log = existsSync(join(results, files.RUN_LOG.name)) ? [files.RUN_LOG.name] : [];
    const names = [...manifest.files.map((file) => file.name), ...log];
    const earlier = await earlierFiles(this.#claimed.path, this.#inputs);
    const outdated = earlier.filter((name) => !names.includes(name));
    await putInPlace(this.#claimed, { names, outdated, isFinal: isFinal(manifest) });
  }

  /** A caller that gives up may never await its last promise. Its failure is not lost: the file keeps it. */
  #orLoss(wait: Wait): Wait {
    const told = wait?.catch(async (cause: unknown) => {
      throw await this.#claimed.ownership.causeOf(cause);
    });
    told?.catch(() => undefined);
    return told;
  }
}
