import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import type { Logger } from 'pino';
import { expected } from '../errors.js';
import { checkInputs, inputStem, inspectModel, packageVersion, temperatureOf, VirnucproError } from '../index.js';
import type { InputFile, InspectedModel, InspectedTriage } from '../index.js';
import { createLog, logEvent, LogSinks } from '../monitor/log.js';
import { JOURNAL, OUTPUT_FILES, outputFileName } from '../output/files.js';
import { hasRandomWeights, tableComment } from '../output/manifest.js';
import { finishInterrupted } from '../output/output-directory.js';
import { openResultDirectory } from '../output/result-directory.js';
import { unlessAborted } from '../unless-aborted.js';
import { completeRun } from './complete-run.js';
import { EXIT, EXIT_OF_OUTCOME, EXIT_OF_SIGNAL } from './exit-codes.js';
import { addPredictOptions } from './predict-options.js';
import type { PredictCommandOptions } from './predict-options.js';
import { runPrediction, unsaid } from './predict-run.js';
import { resumedOptions } from './resumed-options.js';
import { RunScreen } from './run-screen.js';
import { StateSignal } from './state-signal.js';
import { StopSignals } from './stop-signals.js';
import { triageOf } from './triage-words.js';

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('Scores every window of every record and writes the result files.')
    .argument(
      '<input...>',
      'FASTA or FASTQ files of DNA, plain or packed with gzip, bzip2, xz or zstd, directories of them, or - for standard input',
    );
  return addPredictOptions(command).action(async (inputs: string[], words: PredictCommandOptions) => {
    process.exitCode = await predict(inputs, words);
  });
}

async function predict(inputs: string[], words: PredictCommandOptions): Promise<number> {
  const sinks = new LogSinks();
  const log = createLog({ format: words.logFormat, level: words.logLevel, sinks });
  const stop = new StopSignals();
  try {
    return await checkAndRun(inputs, words, { log, sinks, stop });
  } catch (error) {
    if (stop.signal !== undefined && error === stop.signal) {
      logEvent(log, { event: 'interrupted', signal: stop.signal, output: null });
      return EXIT_OF_SIGNAL.get(stop.signal)!;
    }
    if (words.logFormat !== 'json' || !(error instanceof VirnucproError)) throw error;
    logEvent(log, { event: 'failed', code: error.code, reason: error.message });
    return EXIT.failed;
  } finally {
    stop.ignore();
    sinks.closeFile();
  }
}

interface Surroundings {
  readonly log: Logger;
  readonly sinks: LogSinks;
  readonly stop: StopSignals;
}

/**
 * Everything that can be wrong without a model is found before one is loaded.
 * @throws VirnucproError; the name of the signal that stopped it before it had an output directory
 */
async function checkAndRun(
  inputs: string[],
  given: PredictCommandOptions,
  { log, sinks, stop }: Surroundings,
): Promise<number> {
  const { stopped } = stop;
  const unlessStopped = <T>(work: Promise<T>): Promise<T> => unlessAborted(work, stopped);
  const saidFirst: string[] = [];
  const files = await checkInputs(inputs, { signal: stopped, onWarning: (text) => saidFirst.push(text) });
  for (const text of saidFirst) logEvent(log, { event: 'warning', text });
  const model = await unlessStopped(inspectModel(given.model, { models: given.models, trust: given.trust ?? false }));
  // Without a name that is only where none is installed.
  if (given.model === undefined && model.shipped) {
    logEvent(log, { event: 'shipped-model', model: model.name, card: model.card?.path ?? null });
  }
  const asked = await unlessStopped(triageOf(given, model));
  const claiming = { signal: stopped, onWaiting: (reason: string) => logEvent(log, { event: 'waiting', reason }) };
  if (given.resume) await unlessAborted(finishInterrupted(given.output, claiming), stop.givenUp);
  const wanted = { model, triage: asked, inputs: files };
  const complete = given.resume ? await unlessStopped(completeRun(given, wanted, stopped)) : undefined;
  if (complete && complete.damage === undefined) {
    for (const text of unsaid(complete.manifest.warnings, saidFirst)) logEvent(log, { event: 'warning', text });
    logEvent(log, { event: 'complete-already', output: given.output });
    return EXIT_OF_OUTCOME[complete.manifest.outcome];
  }
  if (complete) {
    const text = `the results in ${given.output} are not those of their run and are computed again: ${complete.damage}`;
    logEvent(log, { event: 'warning', text });
  }
  const resuming = { model, triage: asked, journal: join(given.output, JOURNAL.name) };
  const words = given.resume ? await unlessStopped(resumedOptions(given, resuming)) : given;
  const triage = asked ?? (await unlessStopped(triageOf(words, model)));
  const name = inputName(inputs, files);
  await unlessStopped(refuseOverwriting(files, { output: words.output, name, chunkSize: model.chunkSize }));
  const opening = openResultDirectory({
    directory: words.output,
    force: words.force ?? false,
    resume: words.resume ?? false,
    isDamaged: complete !== undefined,
    keepIntermediate: words.keepIntermediate ?? false,
    saveEmbeddings: words.saveEmbeddings ?? false,
    ...claiming,
    chunkSize: model.chunkSize,
    inputName: name,
    inputs: files.map(({ path }) => path).filter((path) => path !== '-'),
    comment: comment(model, triage, words),
    threshold: words.threshold,
  });
  const directory = await unlessAborted(opening, stop.givenUp);
  sinks.openFile(directory.logPath);
  const state = new StateSignal();
  state.onAsked = () => logEvent(log, { event: 'waiting', reason: 'the model is being loaded' });
  const models = triage ? `${model.name} after ${triage.model.name}` : model.name;
  const screen = new RunScreen({
    title: `virnucpro ${packageVersion}, model ${models}, ${inputs.join(' ')}`,
    ...{ log, sinks, readsStandardInput: inputs.includes('-') },
    isWanted: words.progress && words.logFormat === 'text',
    onQuit: () => stop.remember('SIGINT'),
  });
  try {
    return await runPrediction({ inputs, saidFirst, words, model, triage, directory, log, screen, stop, state });
  } finally {
    state.ignore();
  }
}

/** An input may lie in the output directory, but not under the name of a result. @throws VirnucproError VNP_USAGE */
async function refuseOverwriting(
  inputs: readonly InputFile[],
  { output, name, chunkSize }: { output: string; name: string; chunkSize: number },
): Promise<void> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => path);
  const names = OUTPUT_FILES.map((file) => outputFileName(file, name, chunkSize));
  const results = await Promise.all(names.map((result) => real(join(output, result))));
  for (const { path } of inputs) {
    if (!results.includes(await real(path))) continue;
    const next = 'Choose another output directory, or move the input';
    throw expected('VNP_USAGE', 'an input that is no result of this run', 'the input', path, next);
  }
}

/** The name that the classic intermediate files begin with. */
function inputName(inputs: readonly string[], files: readonly InputFile[]): string {
  if (inputs.length > 1 || files.length !== 1) return 'inputs';
  const [file] = files;
  if (!file || file.path === '-') return 'stdin';
  return inputStem(file.path);
}

function comment(model: InspectedModel, triage: InspectedTriage | undefined, words: PredictCommandOptions): string {
  const { name, chunkSize, card } = model;
  const { threshold, minFraction, calibration } = words;
  return tableComment({
    version: packageVersion,
    model: name,
    random: hasRandomWeights({ model, triage }),
    parameters: { window: chunkSize, threshold, min_fraction: minFraction, ...triageWords(triage) },
    optional: { temperature: temperatureOf(model, calibration), card: card?.path ?? null },
  });
}

function triageWords(triage: InspectedTriage | undefined): Record<string, string | number> {
  if (!triage) return {};
  const { model, othersBelow, virusAtLeast } = triage;
  return { triage: model.name, triage_others_below: othersBelow, triage_virus_at_least: virusAtLeast };
}
