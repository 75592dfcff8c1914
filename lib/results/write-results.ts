import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { expected } from '../errors.js';
import { inputStem } from '../input/input-files.js';
import { EMBEDDING_FORMATS, isEmbeddingFormat } from '../embedding-files/formats.js';
import type { EmbeddingFormat } from '../embedding-files/formats.js';
import { OUTPUT_FILES, outputFileName } from '../output/files.js';
import { hasRandomWeights, tableComment } from '../output/manifest.js';
import type { RunManifest } from '../output/manifest.js';
import { checkResultDirectory, openResultDirectory } from '../output/result-directory.js';
import type { ResultDirectory, ResultDirectoryOptions } from '../output/result-directory.js';
import { TABLE_FORMATS } from '../output/table-sink.js';
import type { TableFormat } from '../output/table-sink.js';
import { checkGiven, checkKind, checkNames, isFlag, isSignal, isText, isTexts, namesOf } from '../option-checks.js';
import { packageVersion } from '../package.js';
import type { RunPlan } from '../predict/plan.js';
import { checkPrediction, storedResultsOf } from '../predict/prediction.js';
import type { Prediction } from '../predict/prediction.js';
import { describeRun } from './run-description.js';
import type { RunTimes } from './run-description.js';
import { temperatureOf } from '../scoring/frame-scores.js';
import type { ContigResult } from '../scoring/results.js';

/** How the output directory is treated, and what run.json says of the command. */
export interface WriteResultsOptions {
  /** Writes into a directory that is not empty, and replaces the results of an earlier run. Default false. */
  readonly force?: boolean;
  /**
   * Accepts a directory with an unfinished run, and replaces its results. The prediction resumes that run if the option
   * `journal` of `prepare` and `predict` is the file `.journal` in the directory. Also accepts other files, as long as
   * none is of a run. Default false.
   */
  readonly resume?: boolean;
  /**
   * Ends the wait for a run on another machine that may still write to the directory: the promise rejects with the
   * signal's reason. Does not stop the prediction, which has a signal of its own.
   */
  readonly signal?: AbortSignal;
  /** The format of the tables of contigs and windows. `virnucpro call` reads TSV only. Default `tsv`. */
  readonly tables?: TableFormat;
  /**
   * The format of the embeddings, which the option `embeddings` of `predict` must ask for. `f32` is that of
   * embeddings.f32, the only one that `virnucpro call` reads. Default `f32`.
   */
  readonly embeddingsFormat?: 'f32' | EmbeddingFormat | undefined;
  /** Command line of the run, for run.json. Defaults to that of this process. */
  readonly commandLine?: readonly string[] | undefined;
}

const WRITE_RESULTS_OPTIONS = namesOf<WriteResultsOptions>({
  force: true,
  resume: true,
  signal: true,
  tables: true,
  embeddingsFormat: true,
  commandLine: true,
});

/** @throws VirnucproError VNP_ARGUMENT */
function checkedOptions(options: WriteResultsOptions): WriteResultsOptions {
  checkNames(WRITE_RESULTS_OPTIONS, options, 'writeResults');
  checkKind('force', options.force, 'true or false', isFlag);
  checkKind('resume', options.resume, 'true or false', isFlag);
  checkKind('signal', options.signal, 'an AbortSignal', isSignal);
  checkKind('commandLine', options.commandLine, 'an array of strings', isTexts);
  return options;
}

export type OpenResultsOptions = Pick<
  ResultDirectoryOptions,
  'force' | 'resume' | 'isDamaged' | 'onWaiting' | 'signal'
> &
  FileFormats;

/** The formats that results are written in. */
export type FileFormats = Pick<WriteResultsOptions, 'tables' | 'embeddingsFormat'>;

export interface WriteIntoOptions extends Pick<WriteResultsOptions, 'commandLine'> {
  /** When the run began; `milliseconds` of `performance.now()`. Defaults to now. */
  readonly started?: { readonly date: Date; readonly milliseconds: number };
  /** Called after the last result is written and before run.json, which includes what this adds to the summary. */
  readonly onWritten?: () => Promise<void>;
}

/** What openResults needs of a plan. */
export type ResultsPlan = Pick<RunPlan, 'inputs' | 'files' | 'model' | 'triage' | 'results'>;

/** How this run's result files are named, and what they say about it. */
function resultFiles({ inputs, files, model, triage, results }: ResultsPlan, formats: FileFormats = {}) {
  const { tables, embeddingsFormat = 'f32' } = formats;
  const { rule, calibration, sequences, embeddings } = results;
  const { name, chunkSize, card } = model;
  const comment = tableComment({
    version: packageVersion,
    model: name,
    random: hasRandomWeights({ model, triage }),
    parameters: {
      window: chunkSize,
      threshold: rule.threshold,
      min_fraction: rule.minFraction,
      ...(triage && {
        triage: triage.model.name,
        triage_others_below: triage.rule.othersBelow,
        triage_virus_at_least: triage.rule.virusAtLeast,
      }),
    },
    optional: { temperature: temperatureOf(model, calibration), card: card?.path ?? null },
  });
  return {
    chunkSize,
    comment,
    keepIntermediate: sequences,
    saveEmbeddings: embeddings,
    formattedEmbeddings:
      embeddingsFormat === 'f32'
        ? undefined
        : {
            format: embeddingsFormat,
            model: name,
            widths: { dna: model.dna.architecture.width, protein: model.protein.architecture.width },
          },
    ...(tables && { tables }),
    inputName: inputName(inputs, files),
    inputs: files.map(({ path }) => path).filter((path) => path !== '-'),
  };
}

/** The prefix of the classic intermediate files' names. */
function inputName(inputs: readonly string[], files: RunPlan['files']): string {
  const [file] = files;
  if (inputs.length > 1 || files.length !== 1 || !file) return 'inputs';
  return file.path === '-' ? 'stdin' : inputStem(file.path);
}

/**
 * Opens the directory of a run before its model is loaded, so that an unwritable one costs nothing.
 * @throws VirnucproError VNP_USAGE if an input has the name of a result, VNP_OUTPUT
 */
export async function openResults(
  plan: ResultsPlan,
  directory: string,
  options: OpenResultsOptions = {},
): Promise<ResultDirectory> {
  checkFormats(plan, options);
  await refuseOverwriting(plan, directory);
  return openResultDirectory({ ...options, directory, ...resultFiles(plan, options) });
}

/**
 * Refuses what `openResults` would refuse, as far as that is known without changing anything.
 * @throws VirnucproError VNP_USAGE, VNP_OUTPUT
 */
export async function checkResults(plan: ResultsPlan, directory: string, options: OpenResultsOptions): Promise<void> {
  checkFormats(plan, options);
  await refuseOverwriting(plan, directory);
  await checkResultDirectory({ ...options, directory, ...resultFiles(plan, options) });
}

/** @throws VirnucproError VNP_ARGUMENT */
function checkFormats({ results }: ResultsPlan, { tables = 'tsv', embeddingsFormat = 'f32' }: FileFormats): void {
  if (!TABLE_FORMATS.includes(tables)) {
    throw expected('VNP_ARGUMENT', `one of ${TABLE_FORMATS.join(', ')}`, 'tables', tables);
  }
  if (embeddingsFormat === 'f32') return;
  if (!isEmbeddingFormat(embeddingsFormat)) {
    const formats = ['f32', ...EMBEDDING_FORMATS].join(', ');
    throw expected('VNP_ARGUMENT', `one of ${formats}`, 'embeddingsFormat', embeddingsFormat);
  }
  if (results.embeddings) return;
  const next = 'Set it in the options of the prediction';
  throw expected('VNP_ARGUMENT', 'the option embeddings', `embeddingsFormat ${embeddingsFormat}`, 'none', next);
}

/** An input may lie in the output directory, but not under the name of a result. @throws VirnucproError VNP_USAGE */
async function refuseOverwriting(plan: ResultsPlan, directory: string): Promise<void> {
  const { inputName, chunkSize } = resultFiles(plan);
  const real = (path: string): Promise<string> => realpath(path).catch(() => path);
  const names = OUTPUT_FILES.map((file) => outputFileName(file, inputName, chunkSize));
  const results = await Promise.all(names.map((result) => real(join(directory, result))));
  for (const { path } of plan.files) {
    if (!results.includes(await real(path))) continue;
    const next = 'Choose another output directory, or move the input';
    throw expected('VNP_USAGE', 'an input that is not a result file of this run', 'the input', path, next);
  }
}

/**
 * Runs a prediction and writes its results as `virnucpro predict` does: the tables, the viral sequences, the classic
 * files, and run.json. The classic intermediate files are included if windows carry their sequences, and the embeddings
 * if frames carry them. All files appear at the end, or none. A stopped run leaves what it had finished, and its
 * manifest has the outcome `stopped`; `prediction.summary.stopped` says why.
 *
 * @param directory created if missing
 * @returns the content of run.json
 * @throws VirnucproError what iterating the prediction throws, if nothing was finished; VNP_USAGE, VNP_OUTPUT,
 *   VNP_OUTPUT_LOST
 */
export async function writeResults(
  prediction: Prediction,
  directory: string,
  given: WriteResultsOptions = {},
): Promise<RunManifest> {
  checkPrediction(prediction);
  checkGiven('the directory', directory, 'a path', isText);
  const { commandLine, ...options } = checkedOptions(given);
  const opened = await openResults(await prediction.plan(), directory, options);
  try {
    return await writeInto(prediction, opened, { commandLine });
  } catch (error) {
    // The first failure is the one to report: if the file system is gone, cleaning up fails too.
    await opened.abort().catch(() => undefined);
    throw opened.lost.aborted ? opened.lost.reason : error;
  }
}

/** `writeResults` into a directory that is already open; if it throws, the caller aborts the directory. */
export async function writeInto(
  prediction: Prediction,
  directory: ResultDirectory,
  { commandLine = process.argv, started, onWritten }: WriteIntoOptions = {},
): Promise<RunManifest> {
  const { date = new Date(), milliseconds: start = performance.now() } = started ?? {};
  const times: RunTimes = { started: date, start, load: prediction.loadSeconds, writing: 0 };
  const { results, thrown } = await writeAll(prediction, directory, times);
  directory.lost.throwIfAborted();
  const { summary } = prediction;
  if (summary.stopped && (results === 0 || summary.stopped.code === 'VNP_OUTPUT_LOST')) throw thrown;
  await onWritten?.();
  for (const { part, reason, sources } of summary.failures) {
    for (const path of sources) await directory.recordFailure({ path, stage: STAGES[part], message: reason });
  }
  return directory.finish(
    describeRun(await prediction.plan(), prediction, times, { commandLine, formats: directory.formats }),
  );
}

/** @returns the number of results, and what a run that did not reach its end has thrown */
async function writeAll(
  prediction: Prediction,
  directory: ResultDirectory,
  times: RunTimes,
): Promise<{ readonly results: number; readonly thrown: unknown }> {
  let results = 0;
  let thrown: unknown;
  try {
    for await (const result of storedResultsOf(prediction)) {
      const start = performance.now();
      const room = directory.write(result);
      // There is usually room, and awaiting a promise for each result would cost more than writing it.
      if (room !== undefined) await room;
      if (result.kind === 'contig' && result.status === 'invalid') await recordInvalid(directory, result);
      times.writing += (performance.now() - start) / 1000;
      results++;
    }
  } catch (error) {
    const { stopped } = prediction.summary;
    if (!stopped || (error !== stopped && error !== stopped.cause)) throw error;
    thrown = error;
  }
  return { results, thrown };
}

const STAGES = { dna: 'DNABERT-S', protein: 'ESM-2', classifier: 'classifier', batch: 'batch' } as const;

async function recordInvalid(
  directory: ResultDirectory,
  { index, contig, source, reason }: ContigResult,
): Promise<void> {
  await directory.recordFailure({
    path: source,
    stage: 'input',
    message: `record ${index + 1}, ${contig}: ${reason}`,
  });
}
